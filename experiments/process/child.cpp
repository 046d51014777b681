// Children: spawning, waiting.
#include "experiments/process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "formats/error.hpp"

namespace precsim::process {
namespace {

constexpr int kept_descriptor = 3;

[[noreturn]] void fail(const char* what, int error) {
  throw UserError(fmt::format("cannot {}: {}", what, std::strerror(error)));
}

}  // namespace

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail("open a pipe", errno);
  }
  return ends;
}

pid_t start_this_program(std::vector<std::string> words, const ChildFiles& files) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::array<std::array<int, 2>, 4> moves{{{files.in, STDIN_FILENO},
                                                 {files.out, STDOUT_FILENO},
                                                 {files.err, STDERR_FILENO},
                                                 {files.kept, kept_descriptor}}};
  for (const auto& [from, to] : moves) {
    if (from >= 0) {
      posix_spawn_file_actions_adddup2(&actions, from, to);
    }
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  words.insert(words.begin(), "precsim");
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    fail("start this program again", error);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace precsim::process
