// SPDX-License-Identifier: MIT
// Which criterion? Every criterion prunes the same trained network to the same cost, and the same
// recipe tunes what is left; beside them two controls: a random score, and the pruned shape trained
// from scratch. Every finished run is a line of the table file; a run of the program that was
// killed goes on where it stopped.
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/trained_network.hpp>
#include <support/criteria_catalogue.hpp>
#include <support/reconstruction.hpp>
#include <support/result_table.hpp>
#include <support/starting_point.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;
using namespace prunus_benchmarks;

struct options {
  std::string data, model, table = "criteria.csv";
  std::string network = "vgg";
  std::vector<std::string> tiles{"filter", "kernel", "element"};
  std::vector<double> macs{0.5, 0.75, 0.9}, sparsities{0.8, 0.95, 0.98};

  /// Filters: shares of the MACs. Kernels: the same shares of their weights.
  [[nodiscard]] const std::vector<double>& targets(const std::string& tile) const {
    return tile == "element" ? sparsities : macs;
  }

  std::vector<std::string> criteria;  // empty: all
  std::vector<std::string> filters;   // patterns of weights; empty: all
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::ptrdiff_t train_images = data_limit::all, test_images = data_limit::all;
  Index calibration_images = 1024;
  bool scratch = true;
  training_recipe dense{.epochs = 6, .learning_rate = 0.05}, tuning{.epochs = 1};
};

/// One run of the comparison.
struct job {
  std::string tile, criterion;
  double target = 0;
  std::uint64_t seed = 0;

  [[nodiscard]] std::vector<std::string> key() const {
    char percent[16];
    std::snprintf(percent, sizeof percent, "%g", 100 * target);
    return {tile, criterion, percent, std::to_string(seed)};
  }
};

constexpr const char* from_scratch = "control: from scratch";
constexpr const char* dense = "dense";

std::vector<job> plan_jobs(const options& chosen) {
  std::vector<job> jobs;
  for (const std::uint64_t seed : chosen.seeds) {
    jobs.push_back({dense, dense, 0, seed});
    for (const std::string& tile : chosen.tiles)
      for (const double target : chosen.targets(tile)) {
        for (const candidate& c : catalogue())
          if (c.tile == tile &&
              (chosen.criteria.empty() || std::find(chosen.criteria.begin(), chosen.criteria.end(),
                                                    c.name) != chosen.criteria.end()))
            jobs.push_back({tile, c.name, target, seed});
        if (chosen.scratch && tile != "kernel") jobs.push_back({tile, from_scratch, target, seed});
      }
  }
  return jobs;
}

/// What a run ends with.
struct outcome {
  double pruned = 0;  ///< accuracy before any tuning
  double tuned = 0;
  double macs = 1, weights = 1;  ///< shares left
};

class comparison {
 public:
  comparison(const options& chosen, const data_split& data, starting_point start)
      : chosen_(chosen), data_(data), start_(std::move(start)) {}

  [[nodiscard]] outcome run(const job& j, const candidate* c) {
    if (j.criterion == dense) {
      network net(start_.graph, start_.tensors, {.threads = chosen_.dense.threads});
      const double accuracy = accuracy_of(net, data_.test);
      return {accuracy, accuracy, 1, 1};
    }
    // The shape trained from scratch is that of the plainest criterion.
    const bool scratch = j.criterion == from_scratch;
    const candidate& by = scratch ? find_candidate(j.tile, "l1_norm") : *c;
    network net(start_.graph, start_.tensors, {.threads = chosen_.dense.threads});
    if (!observed_) observed_.emplace(start_, data_.train, chosen_.calibration_images);
    const prunus::any_pass<float> pass =
        by.make({net, data_.train, *observed_, {.include = chosen_.filters}, j.seed});
    const prunus::pruned result = by.counts_units ? pruned_to_macs(net, pass, j.target)
                                                  : prunus::prune(net.model(), pass, j.target);
    if (by.reconstructed) {
      if (!refit_) refit_.emplace(start_, data_.train, chosen_.calibration_images / 2);
      (*refit_)(net.model(), result.masks);
    }
    return j.tile == "filter" ? compacted(net, j, scratch) : masked(net, result.masks, j, scratch);
  }

 private:
  using network = prunus::nn::network<float>;

  /// Prunes by the smallest share of units that removes the wanted share of the MACs.
  [[nodiscard]] prunus::pruned pruned_to_macs(network& net, const prunus::any_pass<float>& pass,
                                              double target) const {
    const auto at = [&](double units) {
      for (const auto& tensor : start_.tensors) net.assign(tensor.name, tensor.view());
      return prunus::prune(net.model(), pass, units);
    };
    const auto macs_left = [&] {
      const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
      return static_cast<double>(plan.after.macs) / static_cast<double>(plan.before.macs);
    };
    double too_few = 0, enough = 0.999;
    for (int halvings = 0; halvings < 12; ++halvings) {
      const double middle = (too_few + enough) / 2;
      (void)at(middle);
      (macs_left() <= 1 - target ? enough : too_few) = middle;
    }
    return at(enough);
  }

  [[nodiscard]] outcome compacted(network& net, const job& j, bool scratch) {
    const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
    const prunus::graph smaller = prunus::compact(net.graph(), plan);
    const prunus::nn::network_options as{.seed = j.seed, .threads = chosen_.dense.threads};
    std::optional<network> small;
    if (scratch)
      small.emplace(smaller, as);
    else
      small.emplace(smaller, prunus::compact(net.model(), plan), as);
    outcome o{
        accuracy_of(*small, data_.test), 0,
        static_cast<double>(plan.after.macs) / static_cast<double>(plan.before.macs),
        static_cast<double>(plan.after.parameters) / static_cast<double>(plan.before.parameters)};
    if (scratch) train(*small, data_.train, chosen_.dense, j.seed, [] {});
    train(*small, data_.train, chosen_.tuning, j.seed + 1000, [] {});
    o.tuned = accuracy_of(*small, data_.test);
    return o;
  }

  [[nodiscard]] outcome masked(network& net, const prunus::named_masks& masks, const job& j,
                               bool scratch) {
    std::optional<network> fresh;
    network& trained =
        scratch ? fresh.emplace(
                      start_.graph,
                      prunus::nn::network_options{.seed = j.seed, .threads = chosen_.dense.threads})
                : net;
    const auto hold = [&] { prunus::hold(trained.model(), masks); };
    hold();
    Index all = 0, kept = 0;
    for (const auto& p : net.model().parameters()) {
      if (p.weight.rank < 2) continue;
      all += p.weight.size();
      kept += (Eigen::Map<const Eigen::ArrayXf>(p.weight.data, p.weight.size()) != 0)
                  .cast<Index>()
                  .sum();
    }
    outcome o{accuracy_of(trained, data_.test), 0, 1,
              static_cast<double>(kept) / static_cast<double>(all)};
    if (scratch) train(trained, data_.train, chosen_.dense, j.seed, hold);
    train(trained, data_.train, chosen_.tuning, j.seed + 1000, hold);
    o.tuned = accuracy_of(trained, data_.test);
    return o;
  }

  const options& chosen_;
  const data_split& data_;
  starting_point start_;
  std::optional<observations> observed_;  // gathered when the first criterion asks
  std::optional<reconstruction> refit_;
};

void print_table(const result_table& table, const std::string& tile,
                 const std::vector<double>& targets) {
  std::printf("\n| %s, %s removed | ", tile.c_str(), tile == "filter" ? "MACs" : "weights");
  for (const double t : targets) std::printf("%g %%: tuned | as pruned | ", 100 * t);
  std::printf("\n| --- |");
  for (std::size_t i = 0; i < 2 * targets.size(); ++i) std::printf(" --- |");
  std::vector<std::string> names;
  for (const auto& r : table.rows())
    if (r.key[0] == tile && std::find(names.begin(), names.end(), r.key[1]) == names.end())
      names.push_back(r.key[1]);
  for (const std::string& name : names) {
    std::printf("\n| %s |", name.c_str());
    for (const double t : targets) {
      std::vector<double> tuned, pruned;
      for (const auto& r : table.rows())
        if (r.key[0] == tile && r.key[1] == name && r.key[2] == job{tile, name, t, 0}.key()[2]) {
          pruned.push_back(100 * r.values[0]);
          tuned.push_back(100 * r.values[1]);
        }
      if (tuned.empty())
        std::printf(" – | – |");
      else
        std::printf(" %.2f ± %.2f | %.1f |", spread(tuned).first, spread(tuned).second,
                    spread(pruned).first);
    }
  }
  std::printf("\n");
}

int run(const options& chosen) {
  const data_limit limit{.train = chosen.train_images, .test = chosen.test_images};
  std::optional<trained_network> given;
  if (!chosen.model.empty()) given = load_trained_network(chosen.model);
  const data_split data = given ? load_images_for(*given, data_directory(chosen.data), limit)
                                : load_normalised(data_directory(chosen.data), limit);
  result_table table(chosen.table, {"tile", "criterion", "target_percent", "seed"},
                     {"accuracy_pruned", "accuracy_tuned", "macs", "weights"});
  std::vector<job> jobs;
  for (const job& j : plan_jobs(chosen))
    if (table.find(j.key()) == nullptr) jobs.push_back(j);
  std::printf("%s: %zu runs are done, %zu are left\n", chosen.table.c_str(), table.rows().size(),
              jobs.size());
  std::fflush(stdout);

  std::optional<progress_bar> bar;
  if (!jobs.empty())
    bar.emplace("runs", static_cast<long long>(jobs.size()), progress_options{.line_every = 0.02});
  std::optional<comparison> current;
  std::optional<std::uint64_t> seed;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const job& j = jobs[i];
    if (seed != j.seed) {
      const std::string checkpoint = chosen.table + ".dense-" + std::to_string(j.seed);
      current.emplace(chosen, data,
                      given ? starting_point{given->graph, given->tensors}
                            : trained_here(make_network(chosen.network, data.train), data.train,
                                           chosen.dense, j.seed, checkpoint));
      seed = j.seed;
    }
    const candidate* by = j.criterion == dense || j.criterion == from_scratch
                              ? nullptr
                              : &find_candidate(j.tile, j.criterion);
    const outcome o = current->run(j, by);
    table.add({j.key(), {o.pruned, o.tuned, o.macs, o.weights}});
    char status[96];
    std::snprintf(status, sizeof status, "%s %s %s: %.2f %%", j.tile.c_str(), j.criterion.c_str(),
                  j.key()[2].c_str(), 100 * o.tuned);
    bar->update(static_cast<long long>(i) + 1, status);
  }
  for (const auto& r : table.rows())
    if (r.key[0] == dense)
      std::printf("dense, seed %s: %.2f %%\n", r.key[3].c_str(), 100 * r.values[1]);
  for (const std::string& tile : chosen.tiles) print_table(table, tile, chosen.targets(tile));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Compares pruning criteria at equal cost and equal recipe, with controls.");
  app.add_option("--data", chosen.data,
                 "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits");
  app.add_option("--model", chosen.model,
                 "safetensors file of a trained ResNet-20 to start from; else one is trained here");
  app.add_option("--table", chosen.table, "file of the results, also what to go on from")
      ->capture_default_str();
  app.add_option("--network", chosen.network)
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str();
  app.add_option("--tiles", chosen.tiles)
      ->check(CLI::IsMember({"filter", "kernel", "element"}))
      ->capture_default_str();
  app.add_option("--macs", chosen.macs, "filters and kernels: shares of the MACs to remove")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  app.add_option("--sparsities", chosen.sparsities, "elements: shares of the weights to remove")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  app.add_option("--criteria", chosen.criteria, "only these");
  app.add_option("--filters", chosen.filters,
                 "patterns of the weights whose filters may go, such as stage*.conv1.weight");
  app.add_option("--seeds", chosen.seeds)->capture_default_str();
  app.add_option("--train-images", chosen.train_images, "use that many at most");
  app.add_option("--test-images", chosen.test_images, "use that many at most");
  app.add_option("--calibration-images", chosen.calibration_images,
                 "training images that activations and gradients are observed on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--dense-epochs", chosen.dense.epochs)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning.epochs)->capture_default_str();
  app.add_option("--learning-rate", chosen.dense.learning_rate)->capture_default_str();
  app.add_option("--tuning-rate", chosen.tuning.learning_rate)->capture_default_str();
  app.add_option("--tuning-batch", chosen.tuning.batch)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", chosen.dense.threads)->capture_default_str();
  app.add_flag("--augment", chosen.tuning.augment, "mirror and shift the images while tuning");
  app.add_flag("!--no-scratch", chosen.scratch, "leave out the shapes trained from scratch");
  CLI11_PARSE(app, argc, argv);
  chosen.tuning.threads = chosen.dense.threads;
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "criteria_table: %s\n", problem.what());
    return 1;
  }
}
