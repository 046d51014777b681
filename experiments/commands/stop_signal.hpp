// The signals that ask a command to stop.
#pragma once

namespace precsim::experiments {

/// From here on the first SIGINT, SIGTERM or SIGHUP (unless ignored, as under nohup) asks to stop; the second ends the
/// process.
void follow_stop_signals();

/// Whether one came.
bool stop_requested();

}  // namespace precsim::experiments
