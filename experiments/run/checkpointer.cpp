// When and in which order a run is saved; see checkpointer.hpp.
#include "experiments/run/checkpointer.hpp"

#include "experiments/checkpoint/checkpoint.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::experiments {

Checkpointer::Checkpointer(record::Record& record, const RunRecorder& recorder, std::int64_t every,
                           std::optional<std::int64_t> saved)
    : record_(record), recorder_(recorder), every_(every), saved_(saved) {}

void Checkpointer::between_steps(const nn::Trainer& trainer, double seconds) {
  if (!saved_ || (every_ != 0 && trainer.steps_done() % every_ == 0)) {
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
