// SPDX-License-Identifier: MIT
// Trains a small transformer encoder and prunes its feed-forward weights in four ways at equal
// budgets: the same share everywhere, one ranking of all, and a scale of its own for every layer,
// by magnitude and by location. Then takes out whole heads and hidden units and proves the smaller
// network equal. Needs no data: it draws its own sequences.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/allocation/variable_scale.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn.hpp>
#include <prunus/nn/architectures/transformer.hpp>
#include <prunus/pruning/any_pass.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/comparison.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/sequences.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;
using prunus::Index;
using network = prunus::nn::network<float>;

struct options {
  std::string data, output = "prunus-transformer";
  std::vector<double> budgets{0.5, 0.7, 0.8, 0.9};
  int seeds = 3;
  Index epochs = 0, tuning_epochs = 0, batch = 64, threads = 2;
  Index blocks = 3;
  double learning_rate = 0.003, structured = 0.5;
  std::ptrdiff_t train = data_limit::all, test = data_limit::all;
};

/// One way to share a budget out among the feed-forward layers.
struct way {
  std::string name;
  std::function<prunus::pruned(const prunus::model<float>&, double)> prune;
};

std::vector<way> all_ways() {
  const auto of = [](std::string name, auto allocation) {
    const auto pass = prunus::pass{prunus::l1_norm{}, prunus::element, allocation}.within(
        {.include = {"*.expand.weight", "*.contract.weight"}});
    return way{std::move(name), [pass](const prunus::model<float>& net, double budget) {
                 return prunus::prune(net, pass, budget);
               }};
  };
  return {of("local", prunus::uniform{}), of("global", prunus::global{}),
          of("by magnitude", prunus::variable_scale{}),
          of("by location", prunus::variable_scale{.by = prunus::scale_driver::location})};
}

/// Adam with a cosine learning rate over some epochs; `held` is applied after every step.
template <class Held>
void train(network& net, const dataset& data, const options& chosen, Index epochs, double rate,
           std::uint64_t seed, const std::string& label, const Held& held) {
  if (epochs < 1) return;
  prunus::nn::optimizer optimize(net, prunus::nn::adam{.learning_rate = rate});
  prunus::nn::minibatches<float> batches(data.images, data.labels,
                                         {.batch = chosen.batch, .seed = seed});
  const Index steps = epochs * batches.count();
  const prunus::nn::cosine_decay decay{rate, steps, steps / 20};
  progress_bar bar(label, steps, {.line_every = 0.5});
  for (Index step = 0; step < steps; ++step) {
    const auto batch =
        batches(static_cast<std::uint64_t>(step / batches.count()), step % batches.count());
    const auto result =
        prunus::nn::train_step<float>(net, optimize, batch.images, batch.labels, decay(step));
    held();
    bar.update(step + 1, "loss " + std::to_string(result.loss).substr(0, 5));
  }
}

struct spread {
  double mean = 0, deviation = 0;
};
/// The standard deviation is that of a sample: 0 where there is one value only.
spread spread_of(const std::vector<double>& values) {
  spread result;
  const double count = static_cast<double>(values.size());
  for (double v : values) result.mean += v / count;
  for (double v : values) result.deviation += (v - result.mean) * (v - result.mean);
  result.deviation = values.size() > 1 ? std::sqrt(result.deviation / (count - 1)) : 0;
  return result;
}

/// Takes out heads and hidden units of a trained network.
void show_structured(network& net, const dataset& test, double share, double dense_accuracy) {
  prunus::prune(
      net.model(),
      prunus::pass{prunus::l2_norm{}, prunus::filter}.within(
          {.include = {"*.query.weight", "*.key.weight", "*.value.weight", "*.expand.weight"}}),
      share);
  const comparison c = compare_with_compacted(net, test, dense_accuracy);
  std::printf("\nheads and hidden units, %.0f %% of each layer removed, without tuning:\n%s\n",
              100 * share, prunus::to_text(c.report).c_str());
  std::printf(
      "masked and compacted outputs differ by %.1e of the largest; the first that goes:\n  "
      "%s\n",
      c.largest_difference,
      c.plan.removed.empty() ? "nothing" : c.plan.removed.front().sentence.c_str());
  if (!c.proven())
    throw std::runtime_error("masked and compacted network differ, which must not be");
}

int run(options& chosen) {
  const std::filesystem::path folder = output_folder(chosen.output);
  if (!chosen.data.empty() && !find_spoken_digits(chosen.data))
    throw prunus::file_error(
        prunus::errc::cannot_open,
        chosen.data +
            ": fsdd_logmel_32x24.safetensors was expected there; leave --data out to "
            "use built-in sequences");
  const sequence_split sequences =
      load_or_draw_sequences(data_directory(chosen.data), {chosen.train, chosen.test});
  const data_split& data = sequences.data;
  const bool built_in = sequences.vocabulary > 0;
  if (chosen.epochs == 0) chosen.epochs = built_in ? 8 : 12;
  const prunus::graph graph =
      prunus::nn::transformer_encoder({.positions = data.train.height,
                                       .vocabulary = sequences.vocabulary,
                                       .input_features = data.train.channels,
                                       .features = 32,
                                       .heads = 4,
                                       .hidden = 64,
                                       .blocks = chosen.blocks,
                                       .classes = data.train.classes});
  const prunus::cost cost = prunus::cost_of(prunus::resolve(graph));
  std::printf(
      "transformer on %s: %td training and %td test sequences, %.2f M MACs, %.1f k "
      "parameters\n",
      data.train.name.c_str(), data.train.size(), data.test.size(),
      static_cast<double>(cost.macs) / 1e6, static_cast<double>(cost.parameters) / 1e3);

  const std::vector<way> ways = all_ways();
  std::vector<std::vector<std::vector<double>>> accuracies(
      ways.size(), std::vector<std::vector<double>>(chosen.budgets.size()));
  std::vector<double> dense;
  csv_table table({"seed", "way", "sparsity", "layer", "layer_sparsity", "test_accuracy"});
  for (int seed = 1; seed <= chosen.seeds; ++seed) {
    network net(graph, {.seed = static_cast<std::uint64_t>(seed), .threads = chosen.threads});
    const auto accuracy = [&] {
      return prunus::nn::evaluate<float>(net, data.test.images, data.test.labels).accuracy;
    };
    train(net, data.train, chosen, chosen.epochs, chosen.learning_rate,
          static_cast<std::uint64_t>(seed), joined("dense, seed ", seed), [] {});
    const auto trained = net.tensors();
    const auto reset = [&] {
      for (const auto& tensor : trained) net.assign(tensor.name, tensor.view());
    };
    dense.push_back(accuracy());
    table.add(seed, "dense", 0, "", 0, dense.back());
    for (std::size_t w = 0; w < ways.size(); ++w)
      for (std::size_t b = 0; b < chosen.budgets.size(); ++b) {
        reset();
        const prunus::pruned result = ways[w].prune(net.model(), chosen.budgets[b]);
        train(net, data.train, chosen, chosen.tuning_epochs, chosen.learning_rate / 3,
              static_cast<std::uint64_t>(seed + 100), joined(ways[w].name, ", tuning"),
              [&] { prunus::hold(net.model(), result.masks); });
        accuracies[w][b].push_back(accuracy());
        for (const auto& p : result.report.parameters)
          table.add(seed, ways[w].name, chosen.budgets[b], p.name,
                    1 - static_cast<double>(p.kept) / static_cast<double>(p.units),
                    accuracies[w][b].back());
      }
    table.write((folder / "transformer.csv").string());
    if (seed == chosen.seeds) {
      reset();
      show_structured(net, data.test, chosen.structured, dense.back());
    }
  }

  const spread without = spread_of(dense);
  std::printf("\ntest accuracy in %%, mean and deviation over %d seeds; dense %.2f +- %.2f\n",
              chosen.seeds, 100 * without.mean, 100 * without.deviation);
  std::printf("%-24s", "sparsity of feed-forward");
  for (double budget : chosen.budgets) std::printf("%17.0f %%", 100 * budget);
  figure picture{.title = "Feed-forward weights pruned at equal budgets",
                 .x_label = "share of the feed-forward weights removed, %",
                 .y_label = "test accuracy, %"};
  for (std::size_t w = 0; w < ways.size(); ++w) {
    std::printf("\n%-24s", ways[w].name.c_str());
    curve line{.label = ways[w].name, .x = {0}, .y = {100 * without.mean}};
    for (std::size_t b = 0; b < chosen.budgets.size(); ++b) {
      const spread s = spread_of(accuracies[w][b]);
      std::printf("%11.2f +- %4.2f", 100 * s.mean, 100 * s.deviation);
      line.x.push_back(100 * chosen.budgets[b]);
      line.y.push_back(100 * s.mean);
    }
    picture.curves.push_back(line);
  }
  const std::string svg = (folder / "transformer.svg").string();
  const plot_result drawn = draw(picture, svg);
  std::printf("\n\n%s%s\n", (folder / "transformer.csv").string().c_str(),
              drawn.drawn ? (", " + svg).c_str() : ("; " + drawn.message).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app(
      "Prunes the feed-forward weights of a small transformer in four ways at equal "
      "budgets.");
  app.add_option("--budgets", chosen.budgets, "shares of the feed-forward weights to remove")
      ->check(CLI::Range(0.0, 0.99))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--seeds", chosen.seeds, "runs to take the mean of")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of training")->check(CLI::PositiveNumber);
  app.add_option("--tuning-epochs", chosen.tuning_epochs, "after pruning, with the mask held")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--blocks", chosen.blocks, "of attention and feed-forward network")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--structured", chosen.structured, "share of heads and hidden units to take out")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  app.add_option("--batch", chosen.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--learning-rate", chosen.learning_rate)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", chosen.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--data", chosen.data,
                 "folder with spoken digits; else $PRUNUS_DATA where it has them, else sequences "
                 "drawn here");
  app.add_option("--train-sequences", chosen.train, "use that many at most")
      ->check(CLI::PositiveNumber);
  app.add_option("--test-sequences", chosen.test, "use that many at most")
      ->check(CLI::PositiveNumber);
  app.add_option("--output", chosen.output, "folder for the table and the picture")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "04_prune_transformer: %s\n", problem.what());
    return 1;
  }
}
