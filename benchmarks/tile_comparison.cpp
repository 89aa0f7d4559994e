// SPDX-License-Identifier: MIT
// Which tile? The same trained network loses the same shares of its weights as single weights,
// kernels, blocks of 4 and 8 outputs, and whole filters, and the same recipe tunes what is left.
// Beside the accuracy stands what it saves: the milliseconds of one image on one thread, with
// packed weights (the fastest format of each layer, or dense where that wins) or, for filters, as a
// smaller network. Every finished run is a line of the table; a run that was killed goes on there.
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/measure/fastest_kernel.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/nn/adapters/sparse_inference.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/trained_network.hpp>
#include <support/result_table.hpp>
#include <support/starting_point.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace prunus_examples;
using namespace prunus_benchmarks;
using network = prunus::nn::network<float>;

struct options {
  std::string data, model, table = "tiles.csv", picture = "tiles.svg";
  std::vector<double> sparsities{0.5, 0.7, 0.8, 0.9};
  std::vector<std::string> filters;  // patterns of weights; empty: all
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::vector<Index> widths{16, 32, 64};
  std::ptrdiff_t train_images = data_limit::all, test_images = data_limit::all;
  training_recipe dense{.epochs = 6, .learning_rate = 0.05}, tuning{.epochs = 1};
};

struct granularity {
  std::string name;
  prunus::tile tile;
};
const std::vector<granularity> granularities{{"single weights", prunus::element},
                                             {"kernels", prunus::kernel_2d},
                                             {"blocks 4x1", prunus::block(4, 1)},
                                             {"blocks 8x1", prunus::block(8, 1)},
                                             {"filters", prunus::filter}};

struct outcome {
  double accuracy = 0;
  prunus::latency_comparison time;
};

class comparison {
 public:
  /// Starts from the network given, or else trains one for each seed.
  comparison(const options& chosen, const data_split& data, std::optional<starting_point> given)
      : chosen_(chosen), data_(data), given_(std::move(given)) {}

  /// Filters: the share of them that leaves as many weights as `sparsity` does. Of a layer both
  /// inputs and outputs shrink, unless only filters inside of blocks go.
  [[nodiscard]] outcome run(const granularity& g, double sparsity, std::uint64_t seed) {
    const bool filters = g.tile == prunus::filter;
    network net(start(seed).graph, start(seed).tensors, {.threads = 2});
    const auto pass = prunus::pass{prunus::l1_norm{}, g.tile}.within(
        {.include = filters ? chosen_.filters : std::vector<std::string>{}});
    const double share =
        filters && chosen_.filters.empty() ? 1 - std::sqrt(1 - sparsity) : sparsity;
    prunus::pass_state masks = pass.prepare(net.model());
    static_cast<void>(pass.prune(net.model(), masks, 1, share));
    if (filters) {
      const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
      network small(prunus::compact(net.graph(), plan), prunus::compact(net.model(), plan),
                    {.threads = 2});
      train(small, data_.train, chosen_.tuning, seed + 1000, [] {});
      return {accuracy_of(small, data_.test), time_of(small, seed)};
    }
    train(net, data_.train, chosen_.tuning, seed + 1000, [&] { prunus::hold(net.model(), masks); });
    const double accuracy = accuracy_of(net, data_.test);
    prunus::nn::pack_fastest(net, fastest_);
    return {accuracy, time_of(net, seed)};
  }

  [[nodiscard]] double dense_accuracy(std::uint64_t seed) {
    network net(start(seed).graph, start(seed).tensors, {.threads = 2});
    return accuracy_of(net, data_.test);
  }

 private:
  const starting_point& start(std::uint64_t seed) {
    if (given_) return *given_;
    const auto found = starts_.find(seed);
    if (found != starts_.end()) return found->second;
    const prunus::graph graph =
        prunus::nn::small_vgg({data_.train.channels, data_.train.height, data_.train.width},
                              data_.train.classes, chosen_.widths);
    return starts_
        .emplace(seed, trained_here(graph, data_.train, chosen_.dense, seed,
                                    joined(chosen_.table, ".dense-", seed)))
        .first->second;
  }

  /// One image, against the dense network in turns.
  [[nodiscard]] prunus::latency_comparison time_of(network& net, std::uint64_t seed) {
    network dense(start(seed).graph, start(seed).tensors);
    const auto image = data_.test.image(0);
    const auto infer = [&](network& n) {
      return [&n, image] { return n.forward(image, 1, prunus::nn::mode::inference).data(); };
    };
    return prunus::compare_latency(infer(dense), infer(net),
                                   {.repetitions = 200, .minimum_seconds = 0.5});
  }

  const options& chosen_;
  const data_split& data_;
  std::optional<starting_point> given_;
  std::map<std::uint64_t, starting_point> starts_;
  prunus::fastest_kernel<float> fastest_;
};

void show(const result_table& table, const options& chosen) {
  figure picture{.title = "Accuracy over time: which tile?",
                 .x_label = "milliseconds of one image / dense",
                 .y_label = "test accuracy, %"};
  std::printf(
      "\n| tile | share removed | accuracy, %% | time / dense |\n| --- | --- | --- | --- |\n");
  for (const granularity& g : granularities) {
    curve c{.label = g.name};
    for (const double sparsity : chosen.sparsities) {
      std::vector<double> accuracies, times;
      for (const auto& row : table.rows())
        if (row.key[0] == g.name && row.key[1] == joined(sparsity)) {
          accuracies.push_back(100 * row.values[0]);
          times.push_back(row.values[1]);
        }
      if (accuracies.empty()) continue;
      const auto [accuracy, deviation] = spread(accuracies);
      const auto [time, time_deviation] = spread(times);
      c.x.push_back(time);
      c.y.push_back(accuracy);
      std::printf("| %s | %g %% | %.2f ± %.2f | %.3f ± %.3f |\n", g.name.c_str(), 100 * sparsity,
                  accuracy, deviation, time, time_deviation);
    }
    picture.curves.push_back(std::move(c));
  }
  const plot_result drawn = draw(picture, chosen.picture);
  if (!drawn.drawn) std::printf("%s\n", drawn.message.c_str());
}

int run(const options& chosen) {
  result_table table(chosen.table, {"tile", "sparsity", "seed"},
                     {"accuracy", "time_over_dense", "milliseconds", "noise"});
  const data_limit limit{.train = chosen.train_images, .test = chosen.test_images};
  std::optional<trained_network> given;
  if (!chosen.model.empty()) given = load_trained_network(chosen.model);
  const data_split data = given ? load_images_for(*given, data_directory(chosen.data), limit)
                                : load_normalised(data_directory(chosen.data), limit);
  std::optional<starting_point> start;
  if (given) start = starting_point{given->graph, given->tensors};
  comparison compared(chosen, data, std::move(start));
  progress_bar bar("runs", static_cast<long long>(granularities.size() * chosen.sparsities.size() *
                                                  chosen.seeds.size()));
  long long done = 0;
  for (const std::uint64_t seed : chosen.seeds) {
    bool announced = false;
    for (const double sparsity : chosen.sparsities)
      for (const granularity& g : granularities) {
        const std::vector<std::string> key{g.name, joined(sparsity), joined(seed)};
        if (table.find(key) == nullptr) {
          if (!announced) {
            std::printf("seed %s: dense %.2f %%\n", key[2].c_str(),
                        100 * compared.dense_accuracy(seed));
            announced = true;
          }
          const outcome o = compared.run(g, sparsity, seed);
          table.add(
              {key, {o.accuracy, o.time.ratio, 1e3 * o.time.candidate.median, o.time.noise()}});
        }
        bar.update(++done);
      }
  }
  show(table, chosen);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app{"Accuracy over measured milliseconds for every granularity of pruning."};
  app.add_option("--data", chosen.data,
                 "folder with Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits");
  app.add_option(
      "--model", chosen.model,
      "safetensors file of a trained ResNet-20 to start from; else a VGG is trained here");
  app.add_option("--table", chosen.table, "CSV file that a later run goes on from")
      ->capture_default_str();
  app.add_option("--picture", chosen.picture)->capture_default_str();
  app.add_option("--sparsities", chosen.sparsities)->capture_default_str();
  app.add_option("--filters", chosen.filters,
                 "patterns of the weights whose filters may go, such as stage*.conv1.weight");
  app.add_option("--seeds", chosen.seeds)->capture_default_str();
  app.add_option("--widths", chosen.widths, "channels of the three stages")->capture_default_str();
  app.add_option("--train-images", chosen.train_images)->check(CLI::PositiveNumber);
  app.add_option("--test-images", chosen.test_images)->check(CLI::PositiveNumber);
  app.add_option("--dense-epochs", chosen.dense.epochs)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning.epochs)->capture_default_str();
  app.add_option("--tuning-rate", chosen.tuning.learning_rate)->capture_default_str();
  app.add_option("--tuning-batch", chosen.tuning.batch)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
