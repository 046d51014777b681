// This program, started again as a process of its own, and pipes to it.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

namespace precsim::process {

/// What a child has open. -1: as in this process.
struct ChildFiles {
  int in = -1, out = -1, err = -1;
  int kept = -1;  ///< stays open in the child, as descriptor 3
};

/// A pipe's reading and writing end, closed in children that do not ask for them. Raises UserError.
std::array<int, 2> make_pipe();

/// Starts this very program (also when its file has been replaced since) with the words behind its name, in a process
/// group of its own: Ctrl-C in a terminal asks the one that started it alone. Executed anew rather than forked, so that
/// a child inherits nothing but what is given. Raises UserError where the system starts no process.
pid_t start_this_program(std::vector<std::string> words, const ChildFiles& files);

/// Blocks until the child has ended; its status as waitpid() gives it.
int wait_for(pid_t child);

}  // namespace precsim::process
