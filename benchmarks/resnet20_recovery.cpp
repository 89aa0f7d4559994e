// SPDX-License-Identifier: MIT
// Half of a residual network in two epochs: the filters inside the blocks go by the error that they
// leave in the output of their block, the layers behind them are fitted to the dense network, and
// the small network then learns from the dense one, at its output and behind every block.
#include <prunus/core/named_tensors.hpp>
#include <prunus/nn.hpp>
#include <prunus/nn/adapters/reconstruct_layer.hpp>
#include <prunus/nn/adapters/recorded_outputs.hpp>
#include <prunus/nn/training/distillation.hpp>
#include <prunus/recovery/output_error.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/trained_network.hpp>
#include <support/starting_point.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limits>
#include <optional>  // std::optional
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace prunus_examples;
using namespace prunus_benchmarks;
using network = prunus::nn::network<float>;
using prunus::Index;

struct options {
  std::string data, model;
  double macs = 0.5;        ///< share to remove
  double macs_to_keep = 0;  ///< millions, of a network that is smaller than others already; or 0
  Index calibration_images = 1200, validation_images = 500;
  std::vector<Index> removed;  ///< filters of each block; empty: to be chosen
  training_recipe tuning{
      .epochs = 2, .batch = 64, .learning_rate = 0.01, .weight_decay = 0, .augment = true};
  prunus::nn::distillation distillation{.temperature = 4, .weight = 1};
  double hint_weight = 1;  ///< of the outputs of all blocks
  std::uint64_t seed = 1;
};

/// The filters inside a residual block, which only the block's second convolution reads.
struct inner_filters {
  const prunus::coupling* coupling;
  std::string reader, sum;   ///< the second convolution, and the addition behind it
  prunus::unit_map unit_of;  ///< of the reader's input channels
  double macs = 0;           ///< of one filter and what reads it
  [[nodiscard]] Index units() const { return coupling->units; }
};

std::vector<inner_filters> filters_inside_blocks(const network& net) {
  std::vector<inner_filters> result;
  for (const prunus::coupling& c : net.model().couplings()) {
    if (!c.prunable() || !c.name.ends_with(".conv1")) continue;
    const std::string block = c.name.substr(0, c.name.rfind('.') + 1);
    inner_filters inside{&c, block + "conv2", block + "add", {}, 0};
    for (const prunus::coupling::member& m : c.members)
      if (m.parameter == inside.reader + ".weight" && m.axis == prunus::axis::in)
        inside.unit_of = m.unit_of;
    const prunus::convolution_shape first = prunus::nn::reading_shape(net, c.name),
                                    second = prunus::nn::reading_shape(net, inside.reader);
    inside.macs = static_cast<double>(first.macs() + second.macs()) / static_cast<double>(c.units);
    result.push_back(std::move(inside));
  }
  return result;
}

/// Zeroes all that belongs to units of a coupling.
void zero(const prunus::model<float>& net, const prunus::coupling& c, std::span<const Index> gone) {
  for (const prunus::coupling::member& m : c.members) {
    const prunus::weight_view<float> weight = net[m.parameter].weight;
    prunus::mask keep{
        prunus::tile_grid(weight, m.axis == prunus::axis::out ? prunus::filter : prunus::channel)};
    for (Index i = 0; i < keep.size(); ++i)
      keep.set(i, std::find(gone.begin(), gone.end(), m.unit_of[static_cast<std::size_t>(i)]) ==
                      gone.end());
    keep.apply(weight);
  }
}

class recovery {
 public:
  recovery(const options& chosen, const trained_network& given, const data_split& data)
      : chosen_(chosen),
        data_(data),
        dense_(given.graph, given.tensors, inspected()),
        net_(given.graph, given.tensors, inspected()),
        start_(given.tensors),
        inside_(filters_inside_blocks(net_)) {
    const std::vector<float> images = augmented(data.train, chosen.seed);
    const auto first = [&](Index from, Index count) {
      const auto pixels = static_cast<std::size_t>(data.train.pixels());
      return std::vector<float>(
          images.begin() + static_cast<std::ptrdiff_t>(pixels) * from,
          images.begin() + static_cast<std::ptrdiff_t>(pixels) * (from + count));
    };
    calibration_ = first(0, chosen.calibration_images);
    validation_ = first(chosen.calibration_images, chosen.validation_images);
    taught_ = outputs(dense_);
    std::vector<std::string> sums;
    for (const inner_filters& inside : inside_) sums.push_back(inside.sum);
    wanted_.emplace(dense_, sums, std::span<const float>(calibration_));
  }

  [[nodiscard]] network& dense() { return dense_; }
  [[nodiscard]] network& net() { return net_; }

  /// How many filters each block loses: those first that cost least for the MACs that they save.
  [[nodiscard]] std::vector<Index> allocate() {
    struct curve {
      std::vector<double> damage;  // with so many steps of units gone
      Index step = 1;
      std::size_t at = 0;
    };
    std::vector<curve> curves;
    const double none = damage();
    for (const inner_filters& inside : inside_) {
      const auto seen = correlate(inside);
      const prunus::removal_order order = order_of(inside, seen);
      curve c{{none}, std::max<Index>(1, inside.units() / 16)};
      for (Index gone = c.step; gone < inside.units(); gone += c.step) {
        remove(inside, order, gone, seen);
        c.damage.push_back(damage());
        for (const auto& t : start_) net_.assign(t.name, t.view());
      }
      std::printf("%s: without half of its filters %.3f, without all but %td %.3f\n",
                  inside.coupling->name.c_str(), c.damage[c.damage.size() / 2], c.step,
                  c.damage.back());
      std::fflush(stdout);
      curves.push_back(std::move(c));
    }
    const double all =
        static_cast<double>(prunus::plan_removal(net_.graph(), net_.model()).before.macs);
    const double wanted =
        chosen_.macs_to_keep > 0 ? all - 1e6 * chosen_.macs_to_keep : chosen_.macs * all;
    std::vector<Index> gone(inside_.size(), 0);
    for (double removed = 0; removed < wanted;) {
      std::size_t best = curves.size();
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t k = 0; k < curves.size(); ++k) {
        const curve& c = curves[k];
        if (c.at + 1 == c.damage.size()) continue;
        const double price =
            (c.damage[c.at + 1] - c.damage[c.at]) / (inside_[k].macs * static_cast<double>(c.step));
        if (price < least) least = price, best = k;
      }
      if (best == curves.size()) break;  // nothing is left to remove
      ++curves[best].at;
      gone[best] += curves[best].step;
      removed += inside_[best].macs * static_cast<double>(curves[best].step);
    }
    return gone;
  }

  /// From the front to the back, so that every block makes up for those before it.
  void prune(const std::vector<Index>& gone) {
    bool fits = gone.size() == inside_.size();
    for (std::size_t k = 0; fits && k < gone.size(); ++k)
      fits = gone[k] >= 0 && gone[k] < inside_[k].units();
    if (!fits)
      throw prunus::argument_error(prunus::errc::out_of_range,
                                   "one number a block was expected, below its filters");
    for (std::size_t k = 0; k < inside_.size(); ++k) {
      const auto seen = correlate(inside_[k]);
      const prunus::removal_order order = order_of(inside_[k], seen);
      (void)remove(inside_[k], order, gone[k], seen);
      const double lost =
          gone[k] == 0 ? order.fitted : order.errors[static_cast<std::size_t>(gone[k]) - 1];
      std::printf("%s: %td of %td filters stay, relative error %.3f\n",
                  inside_[k].coupling->name.c_str(), inside_[k].units() - gone[k],
                  inside_[k].units(), lost / order.output);
      std::fflush(stdout);
    }
  }

  /// Behind every residual block.
  [[nodiscard]] std::vector<std::string> block_outputs() const {
    std::vector<std::string> nodes;
    for (const inner_filters& inside : inside_)
      nodes.push_back(inside.sum.substr(0, inside.sum.rfind('.')) + ".relu2");
    return nodes;
  }

  /// Learns from the dense network, two epochs by default.
  void tune(network& small) {
    const training_recipe& recipe = chosen_.tuning;
    prunus::nn::optimizer<float, prunus::nn::sgd> optimizer(small,
                                                            {.learning_rate = recipe.learning_rate,
                                                             .momentum = 0.9,
                                                             .nesterov = true,
                                                             .weight_decay = recipe.weight_decay});
    const dataset& train = data_.train;
    const Index count = (train.size() + recipe.batch - 1) / recipe.batch;
    const prunus::nn::cosine_decay rate{recipe.learning_rate, recipe.epochs * count, 0};
    const prunus::nn::hints inside{block_outputs(), chosen_.hint_weight};
    progress_bar bar("tuning", recipe.epochs * count);
    double loss = 0;
    for (Index epoch = 0; epoch < recipe.epochs; ++epoch) {
      const std::vector<float> images =
          recipe.augment ? augmented(train, chosen_.seed * 1000 + static_cast<std::uint64_t>(epoch))
                         : train.images;
      prunus::nn::minibatches<float> batches(images, train.labels,
                                             {.batch = recipe.batch, .seed = chosen_.seed});
      for (Index b = 0; b < batches.count(); ++b) {
        const Index step = epoch * count + b;
        const auto batch = batches(static_cast<std::uint64_t>(epoch), b);
        const auto result = prunus::nn::distillation_step<float>(
            small, optimizer, dense_, batch.images, batch.labels, rate(step), chosen_.distillation,
            inside);
        loss = step == 0 ? result.loss : 0.99 * loss + 0.01 * result.loss;
        char status[32];
        std::snprintf(status, sizeof status, "loss %.3f", loss);
        bar.update(step + 1, status);
      }
    }
  }

 private:
  [[nodiscard]] prunus::nn::network_options inspected() const {
    return {.threads = chosen_.tuning.threads, .keep_activations = true};
  }
  [[nodiscard]] prunus::target_correlation<double> correlate(const inner_filters& inside) {
    return prunus::nn::correlate_targets<float>(net_, inside.reader, *wanted_, inside.sum,
                                                calibration_);
  }
  [[nodiscard]] prunus::removal_order order_of(
      const inner_filters& inside, const prunus::target_correlation<double>& seen) const {
    return prunus::order_by_output_error(seen, inside.unit_of,
                                         prunus::nn::output_factors(net_, inside.reader));
  }
  prunus::reconstruction_report remove(const inner_filters& inside,
                                       const prunus::removal_order& order, Index count,
                                       const prunus::target_correlation<double>& seen) {
    const std::span<const Index> gone =
        std::span<const Index>(order.units).first(static_cast<std::size_t>(count));
    const prunus::weight_view<float> weight = net_.model()[inside.reader + ".weight"].weight;
    prunus::mask keep{prunus::tile_grid(weight, prunus::channel)};
    for (Index i = 0; i < keep.size(); ++i)
      keep.set(i, std::find(gone.begin(), gone.end(),
                            inside.unit_of[static_cast<std::size_t>(i)]) == gone.end());
    const auto report =
        prunus::nn::reconstruct_layer(net_, inside.reader, keep, seen, {.damping = 1e-4});
    zero(net_.model(), *inside.coupling, gone);
    return report;
  }

  [[nodiscard]] std::vector<float> outputs(network& net) {
    std::vector<float> result;
    const Index size = net.input_size(), batch = 250;
    const Index samples = static_cast<Index>(validation_.size()) / size;
    for (Index first = 0; first < samples; first += batch) {
      const Index count = std::min(batch, samples - first);
      const auto out = net.forward(std::span<const float>(validation_)
                                       .subspan(static_cast<std::size_t>(first * size),
                                                static_cast<std::size_t>(count * size)),
                                   count, prunus::nn::mode::inference);
      result.insert(result.end(), out.data(), out.data() + out.size());
    }
    return result;
  }
  /// How differently the network answers from the dense one.
  [[nodiscard]] double damage() {
    const std::vector<float> said = outputs(net_);
    const std::vector<int> unused(said.size() / static_cast<std::size_t>(net_.output_size()), 0);
    return prunus::nn::distillation_loss<float>(
               said, taught_, unused, {},
               {.temperature = chosen_.distillation.temperature, .weight = 1})
        .loss;
  }

  const options& chosen_;
  const data_split& data_;
  network dense_, net_;
  prunus::named_tensors<float> start_;
  std::vector<inner_filters> inside_;
  std::vector<float> calibration_, validation_, taught_;
  std::optional<prunus::nn::recorded_outputs<float>> wanted_;  // of the dense network
};

int run(const options& chosen) {
  const trained_network given = load_trained_network(chosen.model);
  const data_split data = load_images_for(given, data_directory(chosen.data));
  if (data.train.size() < chosen.calibration_images + chosen.validation_images)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        prunus::detail::concat("--data: ", data.train.size(),
                               " training images, --calibration-images and the validation need ",
                               chosen.calibration_images + chosen.validation_images));
  recovery work(chosen, given, data);
  std::printf("dense: %.2f %%\n", 100 * accuracy_of(work.dense(), data.test));
  std::fflush(stdout);
  work.prune(chosen.removed.empty() ? work.allocate() : chosen.removed);
  const prunus::plan plan = prunus::plan_removal(work.net().graph(), work.net().model());
  network small(prunus::compact(work.net().graph(), plan),
                prunus::compact(work.net().model(), plan),
                prunus::nn::network_options{.seed = chosen.seed,
                                            .threads = chosen.tuning.threads,
                                            .inner_losses = work.block_outputs()});
  const double before = static_cast<double>(plan.before.macs),
               after = static_cast<double>(plan.after.macs);
  std::printf("%.2f of %.2f million MACs are left (%.2f %% gone); as pruned: %.2f %%\n",
              1e-6 * after, 1e-6 * before, 100 - 100 * after / before,
              100 * accuracy_of(small, data.test));
  std::fflush(stdout);
  work.tune(small);
  std::printf("tuned: %.2f %%\n", 100 * accuracy_of(small, data.test));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Removes filters inside the blocks of a trained ResNet and recovers its accuracy.");
  app.add_option("--data", chosen.data, "folder with CIFAR-10; else $PRUNUS_DATA");
  app.add_option("--model", chosen.model, "safetensors file of a trained ResNet")->required();
  app.add_option("--macs", chosen.macs, "share of the MACs to remove")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--macs-to-keep", chosen.macs_to_keep,
                 "millions of MACs to keep, instead of a share to remove")
      ->check(CLI::PositiveNumber);
  app.add_option("--removed", chosen.removed,
                 "filters to remove from each block, as an earlier run chose them");
  app.add_option("--calibration-images", chosen.calibration_images,
                 "training images that filters are chosen and refitted on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.tuning.epochs, "epochs of tuning after the removal")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", chosen.tuning.batch, "images in one step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", chosen.tuning.learning_rate, "of the tuning, at its start")
      ->capture_default_str();
  app.add_option("--temperature", chosen.distillation.temperature,
                 "that softens the outputs of both networks")
      ->capture_default_str();
  app.add_option("--teacher-weight", chosen.distillation.weight,
                 "of the dense network's outputs; the labels weigh the rest")
      ->capture_default_str();
  app.add_option("--hint-weight", chosen.hint_weight,
                 "of what the dense network gives behind every block")
      ->capture_default_str();
  app.add_flag("!--no-augment", chosen.tuning.augment, "images as they are");
  app.add_option("--seed", chosen.seed, "of the order and the augmentation of images")
      ->capture_default_str();
  app.add_option("--threads", chosen.tuning.threads, "threads of the tuned network")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "resnet20_recovery: %s\n", problem.what());
    return 1;
  }
}
