# Flags that every file of the kernel and of our plugins is built with (design section 7).
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -fvisibility=hidden)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT PKERNEL_SANITIZE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
add_link_options(-Wl,-z,relro -Wl,-z,now)
if(PKERNEL_SANITIZE)
  add_compile_options(-fsanitize=${PKERNEL_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PKERNEL_SANITIZE})
endif()
# Tests are built more often than they run, and for seconds: half of a build was their optimisation.
function(pkernel_quick target)
  if(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_options(${target} PRIVATE -O0 -g1 -U_FORTIFY_SOURCE)
  endif()
endfunction()
# What is measured counts, at -O0, in each process until it exits; the tests around it stay fast.
function(pkernel_counted target)
  if(PKERNEL_COVERAGE)
    target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE --coverage -fprofile-abs-path
      -fprofile-update=atomic)
  endif()
endfunction()
if(PKERNEL_COVERAGE)
  add_link_options(--coverage)
endif()
