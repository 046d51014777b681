# Installation: every layer that is not INTERNAL as an imported target, precsim::precsim for the whole library, the headers under
# include/precsim with the paths they have here, and the program. Included once the layers and the program exist.
include(CMakePackageConfigHelpers)

# The package that each imported target of other projects comes from, as find_package() takes it.
set(precsim_packages
  "Boost::headers=Boost 1.74"
  "Boost::program_options=Boost 1.74 COMPONENTS program_options"
  "Eigen3::Eigen=Eigen3 3.4 NO_MODULE"
  "JPEG::JPEG=JPEG"
  "OpenMP::OpenMP_CXX=OpenMP COMPONENTS CXX"
  "PNG::PNG=PNG 1.6"
  "ZLIB::ZLIB=ZLIB"
  "fmt::fmt=fmt 9"
  "hdf5::hdf5=HDF5 1.10 COMPONENTS C"
  "nlohmann_json::nlohmann_json=nlohmann_json 3.11")

# Sets `result` to the find_dependency() lines for everything that the given targets link, privately or not: a static
# library hands its private dependencies to whoever links the program.
function(precsim_find_dependencies result)
  set(lines)
  foreach(target IN LISTS ARGN)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    foreach(library IN LISTS libraries)
      if(library MATCHES "::" AND NOT library MATCHES "^precsim::")
        set(rows ${precsim_packages})
        list(FILTER rows INCLUDE REGEX "^${library}=")
        if(NOT rows)
          message(FATAL_ERROR "${target} links ${library}: add its package to precsim_packages in PrecsimInstall.cmake")
        endif()
        string(REGEX REPLACE "^[^=]*=" "" package "${rows}")
        list(APPEND lines "find_dependency(${package})")
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES lines)
  list(SORT lines)
  list(JOIN lines "\n" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

get_property(precsim_layers GLOBAL PROPERTY PRECSIM_LAYERS)
add_library(precsim_precsim INTERFACE)
add_library(precsim::precsim ALIAS precsim_precsim)
set_target_properties(precsim_precsim PROPERTIES EXPORT_NAME precsim)
foreach(layer IN LISTS precsim_layers)
  target_link_libraries(precsim_precsim INTERFACE ${layer})
endforeach()

set(precsim_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/precsim)
precsim_find_dependencies(PRECSIM_FIND_DEPENDENCIES ${precsim_layers})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/precsimConfig.cmake.in
  ${PROJECT_BINARY_DIR}/precsimConfig.cmake INSTALL_DESTINATION ${precsim_package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what uses it (semver.org, item 4).
write_basic_package_version_file(${PROJECT_BINARY_DIR}/precsimConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS ${precsim_layers} precsim_precsim EXPORT precsimTargets)
install(TARGETS precsim)
install(EXPORT precsimTargets NAMESPACE precsim:: DESTINATION ${precsim_package_dir})
install(FILES ${PROJECT_BINARY_DIR}/precsimConfig.cmake ${PROJECT_BINARY_DIR}/precsimConfigVersion.cmake
  DESTINATION ${precsim_package_dir})
foreach(folder IN ITEMS formats sim experiments)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/precsim
    FILES_MATCHING PATTERN "*.hpp" PATTERN "bench" EXCLUDE PATTERN "cli" EXCLUDE PATTERN "commands" EXCLUDE PATTERN "conversion" EXCLUDE
    PATTERN "product" EXCLUDE PATTERN "verify" EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/generated/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/precsim OPTIONAL
  FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE NOTICE CITATION.cff DESTINATION ${CMAKE_INSTALL_DOCDIR})
