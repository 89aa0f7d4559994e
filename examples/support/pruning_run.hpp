// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>
#include <prunus/nn.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/structure.hpp>

#include <examples/support/dataset.hpp>
#include <examples/support/pruning_choice.hpp>

#include <cstdint>   // std::uint64_t
#include <limits>    // std::numeric_limits
#include <optional>  // std::optional
#include <string>    // std::string
#include <utility>   // std::move
#include <vector>    // std::vector

namespace prunus_examples {

/// The recipe of a run. Runs that share a recipe can be compared.
struct run_settings {
  std::optional<pruning_choice> pruning = {};  ///< unset: the dense twin of the same recipe
  Index dense_epochs = 6;
  Index tuning_epochs = 3;
  Index batch = 128;
  double learning_rate = 0.05;
  double tuning_rate = 0.02;
  double weight_decay = 5e-4;
  std::uint64_t seed = 1;
  Index threads = 2;

  [[nodiscard]] Index epochs() const noexcept { return dense_epochs + tuning_epochs; }
};

/// What is known after an epoch.
struct epoch_record {
  std::int64_t epoch = 0;
  double training_loss = 0;
  double accuracy = 0;      ///< on the test images
  double macs_removed = 0;  ///< share of the dense network's
  double sparsity = 0;      ///< share of the prunable weights that are masked
};

/// Trains and prunes one network by one recipe, an epoch at a time; can be saved after any epoch
/// and resumed exactly.
///
/// The dense phase and the fine-tuning each have a cosine learning rate and start with a fresh
/// optimizer; pruning during training has one cosine over all epochs.
class pruning_run {
 public:
  pruning_run(const prunus::graph& graph, const data_split& data, const run_settings& settings)
      : settings_(settings),
        data_(&data),
        batches_(data.train.images, data.train.labels,
                 {.batch = settings.batch, .seed = settings.seed}),
        net_(graph, {.seed = settings.seed, .threads = settings.threads, .batch = settings.batch}),
        optimizer_(net_, rule()),
        dense_macs_(prunus::cost_of(net_.resolved()).macs) {
    scheduler_.emplace(net_.model());
    if (settings.pruning)
      scheduler_->add(make_schedule(*settings.pruning, settings.dense_epochs * batches_.count(),
                                    settings.tuning_epochs * batches_.count()),
                      make_pass<float>(*settings.pruning, graph));
  }

  [[nodiscard]] prunus::nn::network<float>& network() noexcept { return net_; }
  [[nodiscard]] const std::vector<epoch_record>& history() const noexcept { return history_; }
  [[nodiscard]] const run_settings& settings() const noexcept { return settings_; }
  [[nodiscard]] bool finished() const noexcept { return epochs_done() >= settings_.epochs(); }
  [[nodiscard]] Index epochs_done() const noexcept { return static_cast<Index>(history_.size()); }
  [[nodiscard]] Index steps_in_epoch() const noexcept { return batches_.count(); }

  /// Where a dense phase ended; several runs of one recipe can begin there.
  struct dense_phase {
    prunus::named_tensors<float> tensors;
    std::uint64_t training_passes = 0;
    std::vector<epoch_record> history;
  };
  [[nodiscard]] dense_phase trained() const {
    return {net_.tensors(), net_.training_passes(), history_};
  }
  void start_from(const dense_phase& start) {
    for (const auto& tensor : start.tensors) net_.assign(tensor.name, tensor.view());
    net_.set_training_passes(start.training_passes);
    history_ = start.history;
  }

  /// One pass over the training images; `tick(steps done, loss)` after every step.
  template <class Tick>
  void run_epoch(const Tick& tick) {
    const Index epoch = epochs_done();
    if (epoch == settings_.dense_epochs && !during()) optimizer_.restore(fresh_);
    double loss = 0;
    for (Index b = 0; b < batches_.count(); ++b) {
      const auto batch = batches_(static_cast<std::uint64_t>(epoch), b);
      const Index step = epoch * batches_.count() + b;
      scheduler_step(step, epoch);  // also prunes at the seam between the phases
      const auto result = prunus::nn::train_step<float>(
          net_, optimizer_, batch.images, batch.labels, rate(step), [&] { mask_gradients(); });
      hold();
      loss += result.loss;
      tick(b + 1, result.loss);
    }
    if (epoch + 1 == settings_.epochs()) scheduler_step((epoch + 1) * batches_.count(), epoch + 1);
    history_.push_back({epoch + 1, loss / static_cast<double>(batches_.count()), accuracy(),
                        macs_removed(), settings_.pruning ? scheduler_->sparsity() : 0});
  }

  /// To be called after the last epoch.
  [[nodiscard]] prunus::finish_report finish() { return scheduler_->finish(); }

  [[nodiscard]] double accuracy() {
    return prunus::nn::evaluate<float>(net_, data_->test.images, data_->test.labels).accuracy;
  }
  /// What can be taken out of the tensors now.
  [[nodiscard]] prunus::plan plan() const {
    return prunus::plan_removal(net_.graph(), net_.model());
  }
  /// Share of the MACs that compaction would remove now.
  [[nodiscard]] double macs_removed() const {
    return 1 - static_cast<double>(plan().after.macs) / static_cast<double>(dense_macs_);
  }

  /// The whole run as a file: weights, optimizer, masks, history.
  void save(const std::string& path) const {
    prunus::archive_writer out;
    out.tag("prunus run 1");
    out.text(fingerprint());
    out.number(static_cast<std::int64_t>(history_.size()));
    out.values(history_.data(), static_cast<Index>(history_.size()));
    out.number(net_.training_passes());
    write(out, net_.tensors());
    const auto state = optimizer_.state();
    out.number(state.steps);
    write(out, state.tensors);
    scheduler_->save(out);
    prunus::write_file(path, out.bytes());
  }
  /// Takes over a saved run of the same recipe.
  /// @throws prunus::file_error, prunus::shape_error; this run is then to be discarded
  void resume(const std::string& path) {
    const std::string bytes = prunus::read_file(path);
    prunus::archive_reader in(bytes, path);
    in.tag("prunus run 1");
    if (const std::string saved = in.text(); saved != fingerprint())
      throw prunus::argument_error(prunus::errc::unsupported,
                                   path + ": saved with \"" + saved + "\", this run has \"" +
                                       fingerprint() + "\"; resume with the same options");
    const Index count = in.count("epochs");
    if (count > settings_.epochs())
      throw prunus::file_error(prunus::errc::malformed,
                               path + ": holds an impossible number of epochs");
    history_.resize(static_cast<std::size_t>(count));
    in.values(history_.data(), count);
    net_.set_training_passes(in.number<std::uint64_t>());
    auto tensors = net_.tensors();
    read(in, tensors);
    for (const auto& tensor : tensors) net_.assign(tensor.name, tensor.view());
    auto state = optimizer_.state();
    state.steps = in.count("steps");
    read(in, state.tensors);
    optimizer_.restore(state);
    scheduler_->load(in);
    in.expect_end();
  }

 private:
  using tensor_list = prunus::named_tensors<float>;

  [[nodiscard]] prunus::nn::sgd rule() const {
    return {.learning_rate = settings_.learning_rate,
            .momentum = 0.9,
            .nesterov = true,
            .weight_decay = settings_.weight_decay};
  }
  [[nodiscard]] bool during() const {
    return settings_.pruning && settings_.pruning->method == pruning_method::during;
  }
  [[nodiscard]] double rate(Index step) const {
    const Index dense = settings_.dense_epochs * batches_.count(),
                tuning = settings_.tuning_epochs * batches_.count();
    if (during())
      return prunus::nn::cosine_decay{settings_.learning_rate, dense + tuning, dense / 20}(step);
    if (step < dense)
      return prunus::nn::cosine_decay{settings_.learning_rate, dense, dense / 20}(step);
    return prunus::nn::cosine_decay{settings_.tuning_rate, tuning, tuning / 20}(step - dense);
  }
  void scheduler_step(Index step, Index epoch) {
    if (settings_.pruning) scheduler_->step({.step = step, .epoch = epoch});
  }
  void mask_gradients() const {
    if (settings_.pruning) scheduler_->mask_gradients();
  }
  void hold() const {
    if (!settings_.pruning) return;
    scheduler_->hold();
    scheduler_->mask_optimizer_state();
  }

  /// What two runs must share so that one can go on where the other stopped.
  [[nodiscard]] std::string fingerprint() const {
    std::string text = data_->train.name;
    const auto add = [&](const auto& value) { text += prunus::detail::concat(" ", value); };
    add(data_->train.size());
    add(dense_macs_);
    add(settings_.dense_epochs);
    add(settings_.tuning_epochs);
    add(settings_.batch);
    add(settings_.learning_rate);
    add(settings_.tuning_rate);
    add(settings_.weight_decay);
    add(settings_.seed);
    if (!settings_.pruning) return text + " dense";
    add(name_of(settings_.pruning->method));
    add(settings_.pruning->criterion);
    add(settings_.pruning->tile);
    add(settings_.pruning->sparsity);
    add(settings_.pruning->multiple_of);
    return text;
  }

  static void write(prunus::archive_writer& out, const tensor_list& values) {
    out.number(static_cast<std::int64_t>(values.size()));
    for (const auto& tensor : values) {
      out.text(tensor.name);
      out.number(static_cast<std::int64_t>(tensor.values.size()));
      out.values(tensor.values.data(), static_cast<Index>(tensor.values.size()));
    }
  }
  /// Fills tensors of known names and sizes.
  static void read(prunus::archive_reader& in, tensor_list& values) {
    bool same = in.count("tensors") == static_cast<Index>(values.size());
    for (auto& tensor : values) {
      same = same && in.text() == tensor.name;
      same = same && in.count("values") == static_cast<Index>(tensor.values.size());
      if (!same)
        throw prunus::shape_error(
            prunus::errc::shape_mismatch,
            in.origin() + ": holds another network than the one at " + tensor.name);
      in.values(tensor.values.data(), static_cast<Index>(tensor.values.size()));
    }
  }

  run_settings settings_;
  const data_split* data_;
  prunus::nn::minibatches<float> batches_;
  prunus::nn::network<float> net_;
  prunus::nn::optimizer<float, prunus::nn::sgd> optimizer_;
  prunus::nn::optimizer_state<float> fresh_ =
      optimizer_.state();  ///< as it was before the first step
  Index dense_macs_;
  std::optional<prunus::scheduler<float>> scheduler_;
  std::vector<epoch_record> history_;
};

}  // namespace prunus_examples
