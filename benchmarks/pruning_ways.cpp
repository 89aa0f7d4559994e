// SPDX-License-Identifier: MIT
// Which way of pruning keeps the accuracy? One network, one recipe, several seeds: dense, one-shot,
// iterative and during training, beside two controls: random filters, and the small shape trained
// from scratch. Every finished run is a line of the table file; a run of the program that was
// killed goes on where it stopped.
#include <CLI/CLI.hpp>
#include <examples/support/comparison.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/pruning_run.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;

struct row {
  std::string way;
  std::uint64_t seed = 0;
  double accuracy = 0, macs = 1, parameters = 1, difference = 0, latency = 1;
};

/// The table so far, from the file of an earlier run of the program.
std::vector<row> read_rows(const std::string& path) {
  std::vector<row> rows;
  if (!std::filesystem::exists(path)) return rows;
  std::istringstream lines(prunus::read_file(path));
  std::string line;
  std::getline(lines, line);  // the header
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    row r;
    std::string cell;
    const auto number = [&] {
      std::getline(cells, cell, ',');
      return std::strtod(cell.c_str(), nullptr);
    };
    std::getline(cells, r.way, ',');
    r.seed = static_cast<std::uint64_t>(number());
    r.accuracy = number();
    r.macs = number();
    r.parameters = number();
    r.difference = number();
    r.latency = number();
    rows.push_back(r);
  }
  return rows;
}

void write_rows(const std::string& path, const std::vector<row>& rows) {
  csv_table table(
      {"way", "seed", "test_accuracy", "macs", "parameters", "largest_difference", "latency"});
  for (const row& r : rows)
    table.add(r.way, static_cast<long>(r.seed), r.accuracy, r.macs, r.parameters, r.difference,
              r.latency);
  table.write(path);
}

void train(pruning_run& run, const std::string& name, Index epochs) {
  if (run.epochs_done() >= epochs) return;
  progress_bar bar(name, (epochs - run.epochs_done()) * run.steps_in_epoch());
  long long done = 0;
  while (run.epochs_done() < epochs) run.run_epoch([&](Index, double) { bar.update(++done); });
}

/// Mean and standard deviation.
std::pair<double, double> spread(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean,
          values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : 0.0};
}

void print_table(const std::vector<row>& rows) {
  std::printf(
      "\n| way | test accuracy, %% | MACs | parameters | latency, 1 image, 1 thread | masked = "
      "compacted |\n");
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  std::vector<std::string> ways;
  for (const row& r : rows)
    if (std::find(ways.begin(), ways.end(), r.way) == ways.end()) ways.push_back(r.way);
  for (const std::string& way : ways) {
    std::vector<double> accuracy, macs, parameters, latency;
    double difference = 0;
    for (const row& r : rows) {
      if (r.way != way) continue;
      accuracy.push_back(100 * r.accuracy);
      macs.push_back(r.macs);
      parameters.push_back(r.parameters);
      latency.push_back(r.latency);
      difference = std::max(difference, r.difference);
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
  const prunus::footprint cost = prunus::footprint_of(prunus::resolve(graph));
  std::printf("%s on %s, %.2f M MACs, %.1f k parameters, %td + %td epochs\n",
              chosen.network.c_str(), data.train.name.c_str(), static_cast<double>(cost.macs) / 1e6,
              static_cast<double>(cost.parameters) / 1e3, chosen.recipe.dense_epochs,
              chosen.recipe.tuning_epochs);

  std::vector<row> rows = read_rows(chosen.table);
  const auto add = [&](const row& r) {
    rows.push_back(r);
    write_rows(chosen.table, rows);
    std::printf("%s, seed %lu: %.2f %%, %.3f of the MACs, %.3f of the time\n", r.way.c_str(),
                static_cast<unsigned long>(r.seed), 100 * r.accuracy, r.macs, r.latency);
    std::fflush(stdout);
  };
  const auto done = [&](const std::string& way, std::uint64_t seed) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const row& r) { return r.way == way && r.seed == seed; });
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
    pruned("random filters, one-shot", pruning_method::one_shot, "random");
    if (!done("from scratch", seed) && shape) {
      pruning_run scratch(prunus::compact(graph, *shape), data, recipe);
      train(scratch, "from scratch", recipe.epochs());
      row r{"from scratch", seed, scratch.history().back().accuracy};
      for (const row& other : rows)
        if (other.way == "one-shot" && other.seed == seed) {
          r.macs = other.macs;
          r.parameters = other.parameters;
          r.latency = other.latency;
        }
      add(r);
    }
    std::filesystem::remove(checkpoint);
  }
  print_table(rows);
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
