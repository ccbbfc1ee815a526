# cmake --install: the program, the library (static, one archive a floor), its headers, and what
# find_package(dear) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The Error type is that of the lowest floor; users know it as dear/error.h.
configure_file(${PROJECT_SOURCE_DIR}/src/base/error.h ${PROJECT_BINARY_DIR}/include/dear/error.h COPYONLY)
target_include_directories(dear_api PUBLIC
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
add_library(dear::dear ALIAS dear_api)
set_target_properties(dear_api PROPERTIES EXPORT_NAME dear)

install(TARGETS dear_app RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS utf8proc sentencepiece dear_base dear_eval dear_tensor dear_formats dear_hub dear_text dear_search dear_kernels
  dear_model dear_generate dear_rank dear_train dear_api EXPORT dearTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT dearTargets NAMESPACE dear:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dear)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/dear ${PROJECT_BINARY_DIR}/include/dear
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dearConfig.cmake.in ${PROJECT_BINARY_DIR}/dearConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dear)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dearConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dearConfig.cmake ${PROJECT_BINARY_DIR}/dearConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dear)
