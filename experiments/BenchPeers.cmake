# Other libraries in the runs of `precsim bench`, where they are asked for.
option(PRECSIM_BENCH_PEERS "Let libxsmm, oneDNN and OpenBLAS take turns in precsim bench" OFF)

set(peer_sources bench/peer_libxsmm.cpp bench/peer_onednn.cpp bench/peer_openblas.cpp bench/peer_table.cpp)
if(NOT PRECSIM_BENCH_PEERS)
  set_source_files_properties(${peer_sources} PROPERTIES HEADER_FILE_ONLY ON)
  return()
endif()
set_source_files_properties(bench/peers_absent.cpp PROPERTIES HEADER_FILE_ONLY ON)

# precsim_peer(PACKAGE HEADER LIBRARIES...): links a peer, or notes its Debian package among the missing ones.
set(missing_peers)
macro(precsim_peer package header)
  find_path(${package}_INCLUDE ${header})
  target_include_directories(precsim_bench SYSTEM PRIVATE $<$<BOOL:${${package}_INCLUDE}>:${${package}_INCLUDE}>)
  set(found ${${package}_INCLUDE})
  foreach(name IN ITEMS ${ARGN})
    find_library(${package}_${name} ${name})
    if(NOT ${package}_${name})
      set(found)
    endif()
    target_link_libraries(precsim_bench PRIVATE ${${package}_${name}})
  endforeach()
  if(NOT found)
    list(APPEND missing_peers ${package})
  endif()
endmacro()

precsim_peer(libxsmm-dev libxsmm.h xsmm xsmmnoblas)  # static only; the second stands in for a BLAS it can call
precsim_peer(libdnnl-dev oneapi/dnnl/dnnl.hpp dnnl)
precsim_peer(libopenblas-dev cblas.h)  # loaded at run time
if(missing_peers)
  list(JOIN missing_peers " " missing_peers)
  message(FATAL_ERROR "PRECSIM_BENCH_PEERS is ON, but these packages are not installed: ${missing_peers}")
endif()
target_link_libraries(precsim_bench PRIVATE ${CMAKE_DL_LIBS})
