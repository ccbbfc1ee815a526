# Instruction sets beyond the baseline, file by file. On other architectures the files compile to a
# null table.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set_source_files_properties(${dir}/cpu/avx2.cc PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-fno-exceptions")
  set_source_files_properties(${dir}/cpu/avx_vnni.cc PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mavxvnni;-fno-exceptions")
  set_source_files_properties(${dir}/cpu/amx.cc PROPERTIES COMPILE_OPTIONS "-mamx-tile;-mamx-bf16;-fno-exceptions")
  # g++ 12 warns about the undefined operands inside its own intrinsics.
  set_source_files_properties(${dir}/cpu/avx512.cc PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mfma;-fno-exceptions;-Wno-uninitialized;-Wno-maybe-uninitialized")
  set_source_files_properties(${dir}/cpu/avx512_vnni.cc PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512vnni;-mfma;-fno-exceptions;-Wno-uninitialized;-Wno-maybe-uninitialized")
  set_source_files_properties(${dir}/cpu/avx512_bf16.cc PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512bf16;-mfma;-fno-exceptions;-Wno-uninitialized;-Wno-maybe-uninitialized")
  # Headers compiled for the baseline serve no other instruction set.
  foreach(set avx2 avx_vnni amx avx512 avx512_vnni avx512_bf16)
    set_source_files_properties(${dir}/cpu/${set}.cc PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
endif()

# Nothing of those files may be shared with code for older machines.
if(DEAR_TESTS AND NOT DEAR_SANITIZE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME kernels.symbols COMMAND ${Python3_EXECUTABLE}
    ${PROJECT_SOURCE_DIR}/tools/check_kernel_symbols.py $<TARGET_FILE:dear_kernels>)
endif()
