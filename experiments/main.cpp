// The program: parses, dispatches, and turns errors into sentences and exit codes.
#include <fcntl.h>
#include <malloc.h>

#include <exception>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "experiments/commands/commands.hpp"
#include "formats/error.hpp"

namespace {

int fail(const char* what, precsim::cli::ExitCode code) {
  using namespace precsim;
  std::cerr << cli::in_red(cli::inspect_terminal(2), "precsim:") << ' ' << cli::one_line(what) << '\n';
  return static_cast<int>(code);
}

/// A standard descriptor that the caller closed would be the next file opened, and what is printed would go into it.
/// The stand-in fails as a closed descriptor does: standard input is open for writing only, the others for reading
/// only.
void occupy_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == -1) {
      ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

/// glibc gives large pieces back to the kernel as they are freed, and every step would fault them in again.
void keep_heap() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

}  // namespace

int main(int argc, char** argv) {
  using namespace precsim;
  occupy_standard_descriptors();
  keep_heap();
  std::ios::sync_with_stdio(false);
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  cli::Streams streams{std::cout, std::cerr, cli::inspect_terminal(1), cli::inspect_terminal(2)};
  try {
    const cli::ExitCode code = cli::dispatch(experiments::program(), arguments, streams);
    std::cout.flush();
    return std::cout ? static_cast<int>(code) : fail("cannot write to standard output", cli::ExitCode::user_error);
  } catch (const UserError& error) {
    return fail(error.what(), cli::ExitCode::user_error);
  } catch (const std::bad_alloc&) {
    return fail("not enough memory for what was asked; try smaller batches or sizes", cli::ExitCode::user_error);
  } catch (const std::exception& error) {
    std::cerr << "precsim: " << error.what() << "\nThis is a bug in precsim; please report it.\n";
    std::abort();
  }
}
