// Replays.
#include "experiments/explain/replay.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"

namespace precsim::explain {
namespace {

class Seeker final : public nn::Observer {
 public:
  Seeker(const ProductTarget& target, const std::function<void(const nn::CallReport&)>& see, const ReplayHooks& hooks)
      : target_(target), see_(see), hooks_(hooks) {}

  void on_call(const nn::CallReport& report) override {
    if (report.step == target_.step && report.layer == target_.layer && report.call.pass == target_.pass) {
      found_ = true;
      see_(report);
    }
  }
  void on_step(const nn::StepReport&) override {
    ++done_;
    if (hooks_.on_step) {
      hooks_.on_step(done_);
    }
  }
  bool stop_requested() override { return found_ || (hooks_.stop_requested && hooks_.stop_requested()); }
  bool found() const { return found_; }

 private:
  const ProductTarget& target_;
  const std::function<void(const nn::CallReport&)>& see_;
  const ReplayHooks& hooks_;
  std::int64_t done_ = 0;
  bool found_ = false;
};

}  // namespace

bool replay(RecordedRun& run, const ProductTarget& target, const nn::TrainingState* start,
            const std::function<void(const nn::CallReport&)>& see, const ReplayHooks& hooks) {
  Seeker seeker(target, see, hooks);
  const nn::TrainingResult result = run.trainer().run(seeker, start);
  if (!seeker.found() && result.outcome != nn::Outcome::interrupted) {
    throw UserError(fmt::format("there is no {} of layer {} in step {}: the run diverges before it ({})",
                                kernels::name(target.pass), target.layer, target.step, result.message));
  }
  return seeker.found();
}

}  // namespace precsim::explain
