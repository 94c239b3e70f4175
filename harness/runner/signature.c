/* SPDX-License-Identifier: MIT */
#include "runner/signature.h"

#include <stddef.h>

/* The telling ones first: what begins with a FAT boot sector also has the mark of a partition table. */
static const struct {
    size_t at; /* bytes from the start of the export */
    size_t len;
    const char *bytes;
    const char *name;
} signatures[] = {
    { 512, 8, "EFI PART", "a GPT partition table" },
    { 4096, 8, "EFI PART", "a GPT partition table" },
    { 3, 8, "NTFS    ", "an NTFS file system" },
    { 3, 8, "EXFAT   ", "an exFAT file system" },
    { 82, 5, "FAT32", "a FAT file system" },
    { 54, 5, "FAT12", "a FAT file system" },
    { 54, 5, "FAT16", "a FAT file system" },
    { 1080, 2, "\x53\xef", "an ext2, ext3 or ext4 file system" },
    { 0, 4, "XFSB", "an XFS file system" },
    { 0x10040, 8, "_BHRfS_M", "a Btrfs file system" },
    { 1024, 4, "\x10\x20\xf5\xf2", "an F2FS file system" },
    { 1024, 4, "\xe2\xe1\xf5\xe0", "an EROFS file system" },
    { 1024, 2, "H+", "an HFS+ file system" },
    { 32768, 4, "JFS1", "a JFS file system" },
    { 65588, 6, "ReIsEr", "a ReiserFS file system" },
    { 0, 4, "hsqs", "a SquashFS file system" },
    { 32769, 5, "CD001", "an ISO 9660 file system" },
    { 0, 6, "LUKS\xba\xbe", "a LUKS encrypted volume" },
    { 512, 8, "LABELONE", "an LVM physical volume" },
    { 0, 8, "LABELONE", "an LVM physical volume" },
    { 0, 4, "\xfc\x4e\x2b\xa9", "a Linux RAID member" },
    { 4096, 4, "\xfc\x4e\x2b\xa9", "a Linux RAID member" },
    { 4086, 10, "SWAPSPACE2", "swap space" },
    { 65526, 10, "SWAPSPACE2", "swap space" },
    { 0, 4, "QFI\xfb", "a qcow2 image" },
    { 0, 4, "KDMV", "a VMDK image" },
    { 0, 8, "vhdxfile", "a VHDX image" },
    { 0, 8, "conectix", "a VHD image" },
    { 64, 4, "\x7f\x10\xda\xbe", "a VDI image" },
    { 0, 6, "7z\xbc\xaf\x27\x1c", "an archive" },
    { 0, 4, "PK\x03\x04", "an archive" },
    { 257, 5, "ustar", "an archive" },
    { 510, 2, "\x55\xaa", "an MBR partition table or a boot sector" },
};

const char *signature_find(struct span start)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const char *bytes = signatures[i].bytes;

        if (start.len >= signatures[i].at + signatures[i].len &&
            memcmp(start.at + signatures[i].at, bytes, signatures[i].len) == 0)
            return signatures[i].name;
    }
    return NULL;
}
