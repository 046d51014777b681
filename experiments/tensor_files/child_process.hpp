// A child process that uses the HDF5 library, which itself can crash on damaged files and full disks.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace precsim::tensor_files {

/// The child's end: requests in, replies out.
class ChildEnd {
 public:
  explicit ChildEnd(int socket) : socket_(socket) {}

  /// Fills `bytes` with the next request; false once the parent has closed its end.
  bool next_request(std::string& bytes) const;
  /// Sends what `answer` returns, or the sentence of what it throws; false when it threw or nobody listens any more.
  bool reply(const std::function<std::string()>& answer) const;

 private:
  int socket_;
};

/// The parent's end. The child is forked, so it has what the parent has at that moment; its memory is bounded, it
/// prints nothing, and it ends with the parent.
class ChildProcess {
 public:
  /// What came of waiting for a reply.
  struct Reply {
    bool failed = false;  ///< `content` is the sentence of an error
    std::string content;
  };

  /// Runs `life` in a child. UserError if there can be none.
  explicit ChildProcess(const std::function<void(const ChildEnd&)>& life);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { end(); }

  void send(std::string_view request) const;
  /// Nothing when the child is dead, or silent for two minutes.
  std::optional<Reply> receive() const;
  /// Ends the child, which has nothing to lose; true if it had crashed.
  bool end();

 private:
  int socket_ = -1;
  pid_t child_ = -1;
};

}  // namespace precsim::tensor_files
