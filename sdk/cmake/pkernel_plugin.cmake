# How a plugin is built and tested, in this tree and outside of it.
#
#   pkernel_plugin(max_body max_body.cpp [LIBS lib ...] [NO_INSTALL])    build/plugins/max_body.so
#   pkernel_plugin_test(max_body max_body_test.cpp)       ctest plugin.max_body, on that very file

set(PKERNEL_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.version)
set(PKERNEL_PLUGIN_DIR ${CMAKE_BINARY_DIR}/plugins)

# C++20, unless the project has chosen a later one.
function(pkernel_plugin_standard target)
  if(NOT CMAKE_CXX_STANDARD)
    set_target_properties(${target} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  endif()
endfunction()

# One exported symbol. Without the version script and -fno-gnu-unique a C++ plugin stays mapped after
# dlclose. A sanitizer's runtime is in the program, so its symbols stay undefined in the plugin.
function(pkernel_plugin name)
  cmake_parse_arguments(arg "NO_INSTALL" "" "LIBS" ${ARGN})
  add_library(plugin_${name} MODULE ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${PKERNEL_PLUGIN_DIR} CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${PKERNEL_PLUGIN_VERSION_SCRIPT})
  pkernel_plugin_standard(plugin_${name})
  target_compile_options(plugin_${name} PRIVATE
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(plugin_${name} PRIVATE
    -Wl,--version-script=${PKERNEL_PLUGIN_VERSION_SCRIPT})
  if(NOT PKERNEL_SANITIZE)
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  target_link_libraries(plugin_${name} PRIVATE pkernel::sdk ${arg_LIBS})
  if(COMMAND pkernel_counted)  # In this tree only.
    pkernel_counted(plugin_${name})
  endif()
  if(NOT arg_NO_INSTALL)
    install(TARGETS plugin_${name} LIBRARY DESTINATION lib/pkernel/plugins COMPONENT plugins)
  endif()
endfunction()

# A Boost.Test program that loads the plugin through the SDK's fake host (sdk/testing).
function(pkernel_plugin_test name)
  if(NOT PKERNEL_TESTS)
    return()
  endif()
  if(NOT TARGET pkernel::testing)
    message(WARNING "the test of ${name} is left out: Boost.Test was not found "
      "(Debian: libboost-test-dev)")
    return()
  endif()
  add_executable(plugin_${name}_test ${ARGN})
  target_link_libraries(plugin_${name}_test PRIVATE pkernel::testing)
  pkernel_plugin_standard(plugin_${name}_test)
  if(COMMAND pkernel_quick)  # In this tree only.
    pkernel_quick(plugin_${name}_test)
  endif()
  target_compile_definitions(plugin_${name}_test PRIVATE
    PKERNEL_PLUGIN_UNDER_TEST="$<TARGET_FILE:plugin_${name}>")
  add_dependencies(plugin_${name}_test plugin_${name})
  add_test(NAME plugin.${name} COMMAND plugin_${name}_test)
  set_tests_properties(plugin.${name} PROPERTIES TIMEOUT 120)
endfunction()
