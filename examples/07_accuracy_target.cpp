// SPDX-License-Identifier: MIT
// How small can a network get and still be good enough? Trains a small CNN with a penalty on its
// scales, then searches over two kinds of pruning on top of each other: whole filters by the scale
// of their normalisation, single weights by magnitude. Needs no data: it draws its own digits.
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/batch_norm_scale.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/regularize/scale_sparsity.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/search/brute_force_search.hpp>
#include <prunus/search/sequential_search.hpp>
#include <prunus/search/staircase_search.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/progress_bar.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace prunus_examples;
using prunus::Index;
using network = prunus::nn::network<float>;

struct options {
  std::string search = "staircase";
  std::string data;
  std::string output = "prunus-accuracy-target.csv";
  double loss = 0.01;  // of accuracy, allowed
  Index epochs = 4, tuning_epochs = 1, batch = 64, refinements = 1;
  Index train_images = 3000, validation_images = 1000;
  double rate = 0.05, tuning_rate = 0.02, penalty = 1e-3;
  Index threads = 2;
};

/// Every layer but the last has a normalisation, whose scales say what its channels are worth.
prunus::graph normalised_cnn(const dataset& data) {
  prunus::graph g;
  std::string x = g.input("image", {data.channels, data.height, data.width});
  const auto normalised = [&](const std::string& number, const std::string& from) {
    return g.relu("relu" + number, g.batch_norm("bn" + number, from));
  };
  x = g.convolution("conv1", x, {.out_channels = 12, .kernel = 3, .padding = 1, .bias = false});
  x = g.max_pooling("pool1", normalised("1", x), 2, 2);
  x = g.convolution("conv2", x, {.out_channels = 24, .kernel = 3, .padding = 1, .bias = false});
  x = g.max_pooling("pool2", normalised("2", x), 2, 2);
  x = g.linear("fc1", g.flatten("flatten", x), {.out_features = 64, .bias = false});
  g.linear("fc2", normalised("3", x), {.out_features = data.classes});
  return g;
}

/// Images that choose must not be images that report: the training set gives up its last ones.
struct three_splits {
  dataset train, validation, test;
};

dataset part(const dataset& whole, Index first, Index count) {
  const auto from = [&](Index image) {
    return static_cast<std::ptrdiff_t>(image * whole.pixels());
  };
  dataset result = whole;
  result.images.assign(whole.images.begin() + from(first),
                       whole.images.begin() + from(first + count));
  result.labels.assign(whole.labels.begin() + first, whole.labels.begin() + first + count);
  return result;
}

three_splits load(const options& chosen) {
  data_split data =
      load_or_draw(data_directory(chosen.data),
                   {.train = chosen.train_images + chosen.validation_images, .test = 1000});
  const channel_statistics statistics = measure_channels(data.train);
  normalise(data.train, statistics);
  normalise(data.test, statistics);
  const Index learn = std::max<Index>(data.train.size() - chosen.validation_images, 1);
  return {part(data.train, 0, learn), part(data.train, learn, data.train.size() - learn),
          std::move(data.test)};
}

/// Trains, prunes and measures networks.
class workshop {
 public:
  workshop(const options& chosen, const three_splits& data) : chosen_(chosen), data_(data) {}

  [[nodiscard]] std::unique_ptr<network> trained() const {
    auto net = std::make_unique<network>(
        normalised_cnn(data_.train),
        prunus::nn::network_options{.threads = chosen_.threads, .batch = chosen_.batch});
    progress_bar bar("training", chosen_.epochs);
    const prunus::scale_sparsity slimming{.strength = chosen_.penalty};
    train(
        *net, chosen_.epochs, chosen_.rate, [&] { slimming.add_gradient(net->model()); },
        [](Index) {}, [&](Index epoch) { bar.update(epoch); });
    return net;
  }

  /// Fewer filters, taken out of the tensors, and fine-tuned.
  [[nodiscard]] std::unique_ptr<network> structured(const network& from, double ratio) const {
    const std::unique_ptr<network> net = copy(from);
    if (ratio > 0) {
      const prunus::pass slimming{prunus::batch_norm_scale{}, prunus::filter, prunus::global{}};
      prunus::pass_state state = slimming.prepare(net->model());
      slimming.prune(net->model(), state, 1, ratio);
    }
    const prunus::plan plan = prunus::plan_removal(net->graph(), net->model());
    auto slim = std::make_unique<network>(
        prunus::compact(net->graph(), plan), prunus::compact(net->model(), plan),
        prunus::nn::network_options{.threads = chosen_.threads, .batch = chosen_.batch});
    train(*slim, chosen_.tuning_epochs, chosen_.tuning_rate);
    return slim;
  }

  /// Fewer weights in what is left, and fine-tuned under the mask.
  [[nodiscard]] std::unique_ptr<network> unstructured(const network& from, double ratio) const {
    std::unique_ptr<network> net = copy(from);
    prunus::scheduler scheduler(net->model());
    scheduler.add(prunus::one_shot{.sparsity = ratio},
                  prunus::pass{prunus::l1_norm{}, prunus::element, prunus::global{}});
    scheduler.step({.step = 0});
    train(
        *net, chosen_.tuning_epochs, chosen_.tuning_rate, [&] { scheduler.mask_gradients(); },
        [&](Index steps_done) { scheduler.step({.step = steps_done}); });
    return net;
  }

  [[nodiscard]] double accuracy(network& net, const dataset& images) const {
    return prunus::nn::evaluate<float>(net, images.images, images.labels).accuracy;
  }
  /// Numbers that training changes and that are not 0.
  [[nodiscard]] static double size(const network& net) {
    Index count = 0;
    for (const auto& p : net.model().parameters())
      if (!p.options.gradient.empty())
        count += p.weight.size() - std::count(p.weight.data, p.weight.data + p.weight.size(), 0.0F);
    return static_cast<double>(count);
  }

 private:
  [[nodiscard]] std::unique_ptr<network> copy(const network& from) const {
    return std::make_unique<network>(
        from.graph(), from.tensors(),
        prunus::nn::network_options{.threads = chosen_.threads, .batch = chosen_.batch});
  }

  template <class BeforeUpdate, class AfterStep, class AfterEpoch>
  void train(network& net, Index epochs, double rate, const BeforeUpdate& before_update,
             const AfterStep& after_step, const AfterEpoch& after_epoch) const {
    prunus::nn::minibatches<float> batches(data_.train.images, data_.train.labels,
                                           {.batch = chosen_.batch});
    prunus::nn::optimizer<float, prunus::nn::sgd> optimizer(
        net, {.momentum = 0.9, .nesterov = true, .weight_decay = 1e-4});
    const Index steps = epochs * batches.count();
    const prunus::nn::cosine_decay falling{rate, steps, steps / 20};
    for (Index step = 0; step < steps; ++step) {
      const Index epoch = step / batches.count();
      const auto batch = batches(static_cast<std::uint64_t>(epoch), step % batches.count());
      prunus::nn::train_step<float>(net, optimizer, batch.images, batch.labels, falling(step),
                                    before_update);
      after_step(step + 1);
      if ((step + 1) % batches.count() == 0) after_epoch(epoch + 1);
    }
  }
  template <class BeforeUpdate, class AfterStep>
  void train(network& net, Index epochs, double rate, const BeforeUpdate& before_update,
             const AfterStep& after_step) const {
    train(net, epochs, rate, before_update, after_step, [](Index) {});
  }
  void train(network& net, Index epochs, double rate) const {
    train(
        net, epochs, rate, [] {}, [](Index) {});
  }

  const options& chosen_;
  const three_splits& data_;
};

int run(const options& chosen) {
  const three_splits data = load(chosen);
  const workshop shop(chosen, data);
  const std::unique_ptr<network> trained = shop.trained();
  const double baseline = shop.accuracy(*trained, data.validation);
  const double size = workshop::size(*trained);
  const auto target = prunus::quality_target::within(chosen.loss, baseline);
  std::printf(
      "trained on %s: %.0f parameters, accuracy %.2f %% on %td validation images; wanted: "
      "at least %.2f %%\n\n",
      data.train.name.c_str(), size, 100 * baseline, data.validation.size(), 100 * target.least);

  const prunus::ratio_grid grid{{0, 0.2, 0.4, 0.6, 0.8}, {0, 0.3, 0.6, 0.8, 0.9, 0.95}};
  csv_table table({"structured", "unstructured", "parameters", "accuracy"});
  std::printf("  filters gone  weights gone  parameters  accuracy\n");
  struct slim_network {
    double ratio;
    std::unique_ptr<network> net;
  };
  const auto first = [&](double ratio) {
    return slim_network{ratio, shop.structured(*trained, ratio)};
  };
  const auto second = [&](const slim_network& slim, double ratio) {
    const std::unique_ptr<network> done = shop.unstructured(*slim.net, ratio);
    const prunus::size_and_quality found{workshop::size(*done),
                                         shop.accuracy(*done, data.validation)};
    std::printf("  %10.1f %%  %10.1f %%  %10.0f  %6.2f %%  %s\n", 100 * slim.ratio, 100 * ratio,
                found.size, 100 * found.quality,
                found.quality >= target.least ? "good enough" : "");
    std::fflush(stdout);
    return found;
  };
  const prunus::two_stage_result result =
      chosen.search == "staircase"    ? prunus::staircase_search(grid, target, first, second,
                                                                 {.refinements = chosen.refinements})
      : chosen.search == "sequential" ? prunus::sequential_search(grid, target, first, second)
                                      : prunus::brute_force_search(grid, target, first, second);

  for (const prunus::two_stage_trial& t : result.trials)
    table.add(t.structured, t.unstructured, t.size, t.quality);
  table.write(chosen.output);
  std::printf(
      "\n%td evaluations, %td times filters were taken out; all pairs of the grid would be "
      "%zu and %zu\n",
      result.evaluations(), result.structured_stages,
      grid.structured.size() * grid.unstructured.size(), grid.structured.size());
  if (!result.best) {
    std::printf("no pair of ratios is good enough; allow a larger --loss\n");
    return 0;
  }
  const std::unique_ptr<network> slim = shop.structured(*trained, result.best->structured);
  const std::unique_ptr<network> best = shop.unstructured(*slim, result.best->unstructured);
  std::printf(
      "smallest: %.1f %% of the filters and %.1f %% of the weights left in them gone, %.0f "
      "of %.0f parameters (%.1f x fewer)\n",
      100 * result.best->structured, 100 * result.best->unstructured, result.best->size, size,
      size / result.best->size);
  std::printf("on %td test images, which had no say: %.2f %%, before pruning %.2f %%\n%s\n",
              data.test.size(), 100 * shop.accuracy(*best, data.test),
              100 * shop.accuracy(*trained, data.test), chosen.output.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Searches the smallest network that is good enough, by two kinds of pruning.");
  app.add_option("--search", chosen.search, "staircase, sequential or brute-force")
      ->check(CLI::IsMember({"staircase", "sequential", "brute-force"}))
      ->capture_default_str();
  app.add_option("--loss", chosen.loss, "accuracy that may be lost, as a fraction")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--refinements", chosen.refinements, "times the staircase is walked finer")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning_epochs, "after each kind of pruning")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--penalty", chosen.penalty, "on the scales, while training")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--train-images", chosen.train_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--validation-images", chosen.validation_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", chosen.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option(
      "--data", chosen.data,
      "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits drawn here");
  app.add_option("--output", chosen.output, "table of all trials")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "07_accuracy_target: %s\n", problem.what());
    return 1;
  }
}
