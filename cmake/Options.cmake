# Compiler settings shared by every target. The baseline is plain x86-64: instruction sets beyond it
# are switched on per file, in src/kernels/cpu alone.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(dear_options INTERFACE)
target_compile_options(dear_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror=return-type)
# Options structs are filled by designated initialisers that name what they change.
target_compile_options(dear_options INTERFACE -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 warns of "text" + string, wrongly (its bug 105651).
  target_compile_options(dear_options INTERFACE -Wno-restrict)
  # The same bug under other names, behind a precompiled <string> alone.
  if(DEAR_PRECOMPILE)
    target_compile_options(dear_options INTERFACE -Wno-stringop-overflow -Wno-array-bounds)
  endif()
  if(DEAR_UNITY)  # It takes a .cc that is compiled with others for a header.
    target_compile_options(dear_options INTERFACE -Wno-subobject-linkage)
  endif()
endif()
# A multiply and an add stay two roundings unless a kernel asks for a fused one: results must not
# depend on what the compiler happens to contract.
target_compile_options(dear_options INTERFACE -ffp-contract=off)

# dear_light(TARGET): a release of code that no one waits for is not worth a third more of the
# compiler's time.
function(dear_light target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# dear_unite(TARGET FILES): where DEAR_UNITY asks for it, so many of its files are compiled at a time.
function(dear_unite target files)
  if(DEAR_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files})
  endif()
endfunction()

if(DEAR_SANITIZE)
  target_compile_options(dear_options INTERFACE -fsanitize=${DEAR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(dear_options INTERFACE -fsanitize=${DEAR_SANITIZE})
  if(DEAR_FUZZ)  # Some forty large programs, which clang's own linker links in a third of the time.
    target_link_options(dear_options INTERFACE -fuse-ld=lld)
  endif()
endif()

find_program(DEAR_CCACHE ccache)
if(DEAR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DEAR_CCACHE})
endif()
