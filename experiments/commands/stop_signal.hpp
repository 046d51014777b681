// The signals that ask a command to stop.
#pragma once

namespace precsim::experiments {

/// From here on the first SIGINT, SIGTERM or SIGHUP (unless ignored, as under nohup) asks to stop; the second ends the
/// process.
void follow_stop_signals();

/// The same, for a command that writes a record: a full disk and a reader that has gone are told by the write that
/// fails, and the second does not end a run. Whatever ends the process, the journal keeps everything.
void follow_signals();

/// Whether one came.
bool stop_requested();

}  // namespace precsim::experiments
