# Warnings, hardening and sanitizers. One interface target carries them to everything of ours.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckCSourceCompiles)

option(CPUSH_WERROR "Treat warnings as errors" OFF)
option(CPUSH_HARDEN "Flags of a hardened release" OFF)
option(CPUSH_FUZZ "Build the fuzzers (needs clang)" OFF)
option(CPUSH_FAILPOINTS "Named points at which tests kill the process" OFF)
set(CPUSH_SANITIZE "" CACHE STRING "Argument of -fsanitize=, empty for none")

add_library(house INTERFACE)
target_include_directories(house INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(house INTERFACE _GNU_SOURCE CPUSH_VERSION="${PROJECT_VERSION}"
  _FILE_OFFSET_BITS=64 _TIME_BITS=64)
target_link_libraries(house INTERFACE Threads::Threads)

# Atomics of 8 bytes are calls of a library on some processors of 32 bits (ARMv6: the first Raspberry Pis).
check_c_source_compiles("#include <stdint.h>
  static _Atomic uint64_t a;
  static uint64_t b;
  int main(void) { a++; return (int)(a + __atomic_load_n(&b, __ATOMIC_RELAXED)); }" HAVE_ATOMICS_OF_8_BYTES)
if(NOT HAVE_ATOMICS_OF_8_BYTES)
  target_link_libraries(house INTERFACE atomic)
endif()

function(house_flags)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
      target_compile_options(house INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

house_flags(-Wall -Wextra -Wformat=2 -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wnull-dereference -Wimplicit-fallthrough
  -Wdouble-promotion -Wduplicated-cond -Wlogical-op -Wpointer-arith)
if(CPUSH_WERROR)
  target_compile_options(house INTERFACE -Werror)
endif()

if(CPUSH_HARDEN)
  house_flags(-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
    -fstrict-flex-arrays=3 -fno-strict-overflow -fno-delete-null-pointer-checks)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86|AMD64")
    house_flags(-fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
    house_flags(-mbranch-protection=standard)
  endif()
  target_compile_options(house INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  include(CheckPIESupported)
  check_pie_supported()
endif()
if(CPUSH_SANITIZE)
  add_compile_options(-fsanitize=${CPUSH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CPUSH_SANITIZE})
  # Its interceptor of crypt_r() finds only what the program itself brings, not what a module loads later.
  target_link_libraries(house INTERFACE -Wl,--no-as-needed -lcrypt -Wl,--as-needed)
endif()
if(CPUSH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CPUSH_FAILPOINTS)
  target_compile_definitions(house INTERFACE CPUSH_FAILPOINTS)
endif()

# A unit test: t/unit/<floor>/test_NAME.c, run by ctest as NAME with the label unit.
# house_test(NAME [LIBS ...]); every test carries the whole of base/, whose symbols modules look up in it.
function(house_test name)
  cmake_parse_arguments(T "" "" "LIBS;SOURCES" ${ARGN})
  add_executable(test_${name} test_${name}.c ${T_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${T_LIBS} base house PkgConfig::CMOCKA)
  set_target_properties(test_${name} PROPERTIES ENABLE_EXPORTS ON)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 900
    ENVIRONMENT "CPUSH_SOURCE=${CMAKE_SOURCE_DIR};CPUSH_BUILD=${CMAKE_BINARY_DIR};G_SLICE=always-malloc")
endfunction()
