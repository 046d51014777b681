// When and in which order a run is saved; see checkpointer.hpp.
#include "experiments/run/checkpointer.hpp"

#include "experiments/checkpoint/checkpoint.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::experiments {

Checkpointer::Checkpointer(record::Record& record, const RunRecorder& recorder, Interval interval,
                           std::optional<std::int64_t> saved)
    : record_(record), recorder_(recorder), interval_(interval), saved_(saved) {}

bool Checkpointer::is_due(std::int64_t step, double seconds) {
  if (!saved_at_) saved_at_ = seconds;
  return !saved_ || (interval_.steps != 0 && step % interval_.steps == 0) ||
         (interval_.seconds != 0 && seconds - *saved_at_ >= interval_.seconds);
}

void Checkpointer::between_steps(const nn::Trainer& trainer, double seconds) {
  if (is_due(trainer.steps_done(), seconds)) {
    save(trainer, seconds);
  }
  if (trainer.steps_done() > 0 && recorder_.best_step() == trainer.steps_done() - 1) {
    write(trainer, seconds, checkpoint::best_path_for(record_.file()));
  }
}

void Checkpointer::save(const nn::Trainer& trainer, double seconds) {
  if (saved_ == trainer.steps_done()) return;
  write(trainer, seconds, checkpoint::path_for(record_.file()));
  saved_ = trainer.steps_done();
  saved_at_ = seconds;
}

void Checkpointer::write(const nn::Trainer& trainer, double seconds, const std::filesystem::path& file) {
  checkpoint::Checkpoint checkpoint{record_.header().run,
                                    record_.header().provenance,
                                    trainer.state(),
                                    {record_.id(), {}},
                                    recorder_.running_figures()};
  record::set_value(checkpoint.provenance, "seconds", seconds);
  for (std::size_t i = 0; i < record_.tables().size(); ++i) {
    checkpoint.record.rows.push_back({record_.tables()[i].path.substr(1), record_.row_count(i)});
  }
  record_.sync();
  checkpoint::write(file, checkpoint);
}

}  // namespace precsim::experiments
