// SPDX-License-Identifier: MIT
// Which way of pruning keeps the accuracy? One network, one recipe, several seeds: dense, one-shot,
// iterative and during training, beside two controls: random filters, and the small shape trained
// from scratch. Every finished run is a line of the table file; a run of the program that was
// killed goes on where it stopped.
#include <CLI/CLI.hpp>
#include <examples/support/comparison.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/pruning_run.hpp>
#include <support/result_table.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;

using prunus_benchmarks::result_table;
using prunus_benchmarks::spread;

struct row {
  std::string way;
  std::uint64_t seed = 0;
  double accuracy = 0, macs = 1, parameters = 1, difference = 0, latency = 1;
};

void train(pruning_run& run, const std::string& name, Index epochs) {
  if (run.epochs_done() >= epochs) return;
  progress_bar bar(name, (epochs - run.epochs_done()) * run.steps_in_epoch());
  long long done = 0;
  while (run.epochs_done() < epochs) run.run_epoch([&](Index, double) { bar.update(++done); });
}

[[nodiscard]] std::vector<std::string> key_of(const std::string& way, std::uint64_t seed) {
  return {way, std::to_string(seed)};
}

void print_table(const std::vector<result_table::row>& rows) {
  std::printf(
      "\n| way | test accuracy, %% | MACs | parameters | latency, 1 image, 1 thread | masked = "
      "compacted |\n");
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  std::vector<std::string> ways;
  for (const result_table::row& r : rows)
    if (std::find(ways.begin(), ways.end(), r.key[0]) == ways.end()) ways.push_back(r.key[0]);
  for (const std::string& way : ways) {
    std::vector<double> accuracy, macs, parameters, latency;
    double difference = 0;
    for (const result_table::row& r : rows) {
      if (r.key[0] != way) continue;
      accuracy.push_back(100 * r.values[0]);
      macs.push_back(r.values[1]);
      parameters.push_back(r.values[2]);
      difference = std::max(difference, r.values[3]);
      latency.push_back(r.values[4]);
    }
    const auto [mean, deviation] = spread(accuracy);
    std::printf("| %s | %.2f ± %.2f (%zu seeds) | %.3f | %.3f | %.3f ± %.3f | %.0e |\n",
                way.c_str(), mean, deviation, accuracy.size(), spread(macs).first,
                spread(parameters).first, spread(latency).first, spread(latency).second,
                difference);
  }
}

struct options {
  std::string data, table = "pruning-ways.csv";
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::string network = "cnn";
  std::ptrdiff_t train_images = data_limit::all, test_images = data_limit::all;
  double sparsity = 0.76;
  run_settings recipe{};
};

int run(const options& chosen) {
  data_split data = load_or_draw(data_directory(chosen.data),
                                 {.train = chosen.train_images, .test = chosen.test_images});
  const channel_statistics statistics = measure_channels(data.train);
  normalise(data.train, statistics);
  normalise(data.test, statistics);
  const prunus::graph graph = make_network(chosen.network, data.train);
  const prunus::cost cost = prunus::cost_of(prunus::resolve(graph));
  std::printf("%s on %s, %.2f M MACs, %.1f k parameters, %td + %td epochs\n",
              chosen.network.c_str(), data.train.name.c_str(), static_cast<double>(cost.macs) / 1e6,
              static_cast<double>(cost.parameters) / 1e3, chosen.recipe.dense_epochs,
              chosen.recipe.tuning_epochs);

  result_table table(chosen.table, {"way", "seed"},
                     {"test_accuracy", "macs", "parameters", "largest_difference", "latency"});
  const auto add = [&](const row& r) {
    table.add({key_of(r.way, r.seed), {r.accuracy, r.macs, r.parameters, r.difference, r.latency}});
    std::printf("%s, seed %lu: %.2f %%, %.3f of the MACs, %.3f of the time\n", r.way.c_str(),
                static_cast<unsigned long>(r.seed), 100 * r.accuracy, r.macs, r.latency);
    std::fflush(stdout);
  };
  const auto done = [&](const std::string& way, std::uint64_t seed) {
    return table.find(key_of(way, seed)) != nullptr;
  };
  for (const std::uint64_t seed : chosen.seeds) {
    run_settings recipe = chosen.recipe;
    recipe.seed = seed;
    const std::string checkpoint = chosen.table + ".dense-" + std::to_string(seed);
    pruning_run dense(graph, data, recipe);
    if (std::filesystem::exists(checkpoint)) dense.resume(checkpoint);
    train(dense, "dense phase", recipe.dense_epochs);
    const pruning_run::dense_phase start = dense.trained();
    dense.save(checkpoint);

    std::optional<prunus::plan>
        shape;  // of the one-shot run, for the small network trained from scratch
    const auto pruned = [&](const std::string& way, pruning_method method,
                            const std::string& criterion) {
      if (done(way, seed) && way != "one-shot") return;
      run_settings settings = recipe;
      settings.pruning = pruning_choice{
          .method = method, .criterion = criterion, .sparsity = chosen.sparsity, .seed = seed};
      pruning_run run(graph, data, settings);
      if (method != pruning_method::during) run.start_from(start);
      train(run, way, recipe.epochs());
      std::fputs(run.finish().message().c_str(), stderr);
      const comparison c = compare_with_compacted(run.network(), data.test, std::nullopt);
      if (way == "one-shot") shape = c.plan;
      if (done(way, seed)) return;
      const auto ratio = [](Index after, Index before) {
        return static_cast<double>(after) / static_cast<double>(before);
      };
      add({way, seed, c.compacted_accuracy, ratio(c.plan.after.macs, c.plan.before.macs),
           ratio(c.plan.after.parameters, c.plan.before.parameters), c.largest_difference,
           c.report.pruned.latencies.front().seconds / c.report.dense.latencies.front().seconds});
    };
    if (!done("dense", seed)) {
      train(dense, "dense", recipe.epochs());
      add({"dense", seed, dense.history().back().accuracy});
    }
    if (!done("one-shot", seed) || !done("from scratch", seed))
      pruned("one-shot", pruning_method::one_shot, "l2_norm");
    pruned("iterative", pruning_method::iterative, "l2_norm");
    pruned("during", pruning_method::during, "l2_norm");
    pruned("random filters", pruning_method::one_shot, "random");
    if (!done("from scratch", seed) && shape) {
      pruning_run scratch(prunus::compact(graph, *shape), data, recipe);
      train(scratch, "from scratch", recipe.epochs());
      row r{"from scratch", seed, scratch.history().back().accuracy};
      if (const result_table::row* other = table.find(key_of("one-shot", seed))) {
        r.macs = other->values[1];
        r.parameters = other->values[2];
        r.latency = other->values[4];
      }
      add(r);
    }
    std::filesystem::remove(checkpoint);
  }
  print_table(table.rows());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Compares ways of pruning a CNN under one recipe, with controls.");
  app.add_option("--data", chosen.data,
                 "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits");
  app.add_option("--table", chosen.table, "file of the results, also what to go on from")
      ->capture_default_str();
  app.add_option("--seeds", chosen.seeds)->capture_default_str();
  app.add_option("--network", chosen.network)
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str();
  app.add_option("--sparsity", chosen.sparsity, "share of the MACs to remove")
      ->capture_default_str();
  app.add_option("--dense-epochs", chosen.recipe.dense_epochs)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.recipe.tuning_epochs)->capture_default_str();
  app.add_option("--learning-rate", chosen.recipe.learning_rate)->capture_default_str();
  app.add_option("--tuning-rate", chosen.recipe.tuning_rate)->capture_default_str();
  app.add_option("--threads", chosen.recipe.threads)->capture_default_str();
  app.add_option("--train-images", chosen.train_images, "use that many at most");
  app.add_option("--test-images", chosen.test_images, "use that many at most");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "pruning_ways: %s\n", problem.what());
    return 1;
  }
}
