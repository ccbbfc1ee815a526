# dear_floor(NAME [FLOORS below…] [LIBS external…])
# One static library dear_NAME from src/NAME/**/*.cc, and one test binary dear_NAME_test from the
# *_test.cc files that stand beside them.
include(GoogleTest)
function(dear_floor name)
  cmake_parse_arguments(ARG "" "" "FLOORS;LIBS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/testing/[^/]*)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_FLOORS PREPEND dear_)

  if(sources)
    add_library(dear_${name} STATIC ${sources})
    target_include_directories(dear_${name} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(dear_${name} PUBLIC ${ARG_FLOORS} ${ARG_LIBS} PRIVATE $<BUILD_INTERFACE:dear_options>)
    if(EXISTS ${dir}/floor.cmake)
      include(${dir}/floor.cmake)
    endif()
  else()
    add_library(dear_${name} INTERFACE)
    target_include_directories(dear_${name} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(dear_${name} INTERFACE ${ARG_FLOORS} ${ARG_LIBS})
  endif()

  if(DEAR_TESTS AND tests)
    add_executable(dear_${name}_test ${tests})
    target_link_libraries(dear_${name}_test PRIVATE dear_${name} dear_options GTest::gmock GTest::gtest_main)
    target_compile_definitions(dear_${name}_test PRIVATE DEAR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(dear_${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()
