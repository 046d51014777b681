# Sets PRECSIM_PYTHON to a Python that has what the scripts need; not always the first python3 on PATH, because
# Debian's packages are seen by /usr/bin/python3 alone.
function(precsim_python_has_packages result candidate)
  execute_process(COMMAND ${candidate} -c "import h5py, matplotlib, pandas" RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(NOT status EQUAL 0)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

find_program(PRECSIM_PYTHON python3 PATHS /usr/bin VALIDATOR precsim_python_has_packages
  DOC "Python with h5py, matplotlib and pandas" REQUIRED)
