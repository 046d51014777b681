# precsim_layer(NAME [INTERNAL] SOURCES ... [DEPENDS layers...] [LIBRARIES public...] [PRIVATE_LIBRARIES ...])
# defines one layer: library precsim_NAME, alias precsim::NAME, warnings as errors, and the flags
# that the promise of equal bits rests on. A layer may include only itself and what it DEPENDS on;
# tests/check_layers.py holds the includes to this declaration. INTERNAL layers serve the program alone and are not
# installed.
function(precsim_layer name)
  cmake_parse_arguments(L "INTERNAL" "" "SOURCES;DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  add_library(precsim_${name} STATIC ${L_SOURCES})
  add_library(precsim::${name} ALIAS precsim_${name})
  set_target_properties(precsim_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(precsim_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/precsim>)
  target_compile_features(precsim_${name} PUBLIC cxx_std_20)
  precsim_flags(precsim_${name})
  foreach(dependency IN LISTS L_DEPENDS)
    target_link_libraries(precsim_${name} PUBLIC precsim_${dependency})
  endforeach()
  target_link_libraries(precsim_${name} PUBLIC ${L_LIBRARIES} PRIVATE ${L_PRIVATE_LIBRARIES})
  if(NOT L_INTERNAL)
    set_property(GLOBAL APPEND PROPERTY PRECSIM_LAYERS precsim_${name})
  endif()
endfunction()

# Flags of every target of this project; see numerics "No floating-point contraction".
function(precsim_flags target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
    -Wimplicit-fallthrough -Wswitch -Wfloat-conversion -Wdouble-promotion -Werror
    -ffp-contract=off -fno-fast-math)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees overflows and uninitialized variables in inlined std::string, formatting code and its own AVX-512
    # header that are not there (GCC bugs 105329, 105651, 105562, 105593); clang++ and the sanitizers keep watching for
    # real ones.
    target_compile_options(${target} PRIVATE -Wno-stringop-overflow -Wno-restrict
      -Wno-maybe-uninitialized -Wno-uninitialized)
  endif()
endfunction()
