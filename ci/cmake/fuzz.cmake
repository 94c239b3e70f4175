# Programs with a fuzzing engine.
#
# Where LIB_FUZZING_ENGINE is set, in the environment or the cache, as OSS-Fuzz does it, the engine is that, linked
# with the C++ compiler, and the sanitizers are whatever CFLAGS say.  Otherwise it is clang's libFuzzer.

if(NBDTEST_FUZZING_ENGINE)
  enable_language(CXX)
endif()

# nbdtest_fuzz_program(NAME SOURCE...)
function(nbdtest_fuzz_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE fuzz)
  if(NBDTEST_FUZZING_ENGINE)
    separate_arguments(engine UNIX_COMMAND "${NBDTEST_FUZZING_ENGINE}")
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(${name} PRIVATE ${engine})
  else()
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
