# find_package(pkernel-sdk 1 REQUIRED) gives the target pkernel::sdk, the function pkernel_plugin()
# and, where Boost.Test is installed, pkernel_plugin_test(). -DPKERNEL_TESTS=OFF leaves tests out.
get_filename_component(pkernel_sdk_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET pkernel::sdk)
  add_library(pkernel::sdk INTERFACE IMPORTED)
  target_include_directories(pkernel::sdk INTERFACE ${pkernel_sdk_prefix}/include/pkernel/1)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/pkernel_plugin.cmake)

option(PKERNEL_TESTS "Build the tests of plugins" ON)
get_property(pkernel_sdk_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(PKERNEL_TESTS AND CXX IN_LIST pkernel_sdk_languages AND NOT TARGET pkernel::testing)
  find_package(Boost 1.74 QUIET COMPONENTS unit_test_framework)
  if(Boost_FOUND)
    add_subdirectory(${pkernel_sdk_prefix}/share/pkernel-sdk/testing
      ${CMAKE_BINARY_DIR}/pkernel-sdk-testing EXCLUDE_FROM_ALL)
  endif()
endif()
