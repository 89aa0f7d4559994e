// SPDX-License-Identifier: MIT
// Gates or removal? The same trained network gets gates that open some channels for each image, or
// loses as many filters for good, or is trained that small from the start, all for as many epochs.
// Accuracy stands beside the multiply-adds that were executed, decisions included, and beside the
// milliseconds of one image on one thread, for a narrow and a wide network. Settings are chosen
// with --on validation, on training images that nothing learns from. Every finished run is a line
// of the table; a run that was killed goes on there.
#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/feature_boosting.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/gate_recipe.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <support/result_table.hpp>
#include <support/starting_point.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace prunus_examples;
using namespace prunus_benchmarks;
namespace nn = prunus::nn;
using network = nn::network<float>;
using activation_gate = prunus::activation_gate<float>;
using feature_boosting = prunus::feature_boosting<float>;

struct options {
  std::string data, table = "gates.csv", picture = "gates", on = "test";
  std::vector<std::string> networks{"narrow", "wide"}, methods;
  std::vector<double> shares{0.5, 0.35};
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::ptrdiff_t train_images = 12000, validation_images = 2000, test_images = data_limit::all;
  Index timed_images = 50;
  training_recipe dense{
      .epochs = 4, .batch = 32, .learning_rate = 0.05, .weight_decay = 1e-4, .threads = 1};
  gate_recipe recipe;
  double temperature = 1e6, budget = 30, lasso = 1e-4;
};

const std::vector<std::string> methods{"from scratch",
                                       "filters removed",
                                       "activation gates",
                                       "feature boosting",
                                       "activation gates with a budget",
                                       "default gates with a budget"};

/// Four convolutions, the last three with as many channels as may be gated; halved twice.
prunus::graph image_network(const dataset& data, const std::vector<Index>& channels) {
  prunus::graph g;
  std::string x = g.input("image", {data.channels, data.height, data.width});
  for (std::size_t k = 0; k < channels.size(); ++k) {
    const std::string number = std::to_string(k + 1);
    x = g.convolution("conv" + number, x,
                      {.out_channels = channels[k], .kernel = 3, .padding = 1, .bias = false});
    x = g.relu("relu" + number, g.batch_norm("bn" + number, x));
    if (k == 0 || k + 2 == channels.size()) x = g.max_pooling("pool" + number, x, 2, 2);
  }
  g.linear("fc", g.global_average_pooling("mean", x), {.out_features = data.classes});
  return g;
}

std::vector<Index> channels_of(const std::string& name) {
  return name == "wide" ? std::vector<Index>{64, 128, 128} : std::vector<Index>{16, 32, 32, 64};
}

/// The layer that reads convolution `number`.
std::string reader_of(const prunus::graph& graph, int number) {
  const std::string next = "conv" + std::to_string(number + 1);
  for (const prunus::graph_node& node : graph.nodes())
    if (node.name == next) return next;
  return "fc";
}

/// Filters by what they send to the layer behind them, as the gates begin.
struct sent_to_reader {
  const network* net = nullptr;

  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& weight, const prunus::tile_grid&,
             std::span<prunus::score_of<S>> scores) const {
    const int number = std::stoi(weight.name.substr(4));
    const auto importance = channel_importance(net->model(), "bn" + std::to_string(number),
                                               reader_of(net->graph(), number));
    std::copy(importance.begin(), importance.end(), scores.begin());
  }
};

struct outcome {
  double share = 1, accuracy = 0, macs = 1;
  prunus::latency_comparison time;
};

/// One network and one seed.
class workshop {
 public:
  workshop(const options& chosen, const data_split& data, const std::string& name,
           std::uint64_t seed)
      : chosen_(chosen),
        data_(data),
        channels_(channels_of(name)),
        seed_(seed),
        start_(trained_here(image_network(data.train, channels_), data.train, chosen.dense, seed,
                            joined(chosen.table, ".", name, "-", chosen.train_images, "-",
                                   chosen.dense.epochs, "-", seed))),
        dense_(start_.graph, start_.tensors) {}

  [[nodiscard]] outcome dense() { return outcome_of(dense_, 1); }

  [[nodiscard]] std::vector<outcome> run(const std::string& method) {
    if (method == "from scratch") return from_scratch();
    if (method == "filters removed") return remove_filters();
    if (method == "feature boosting")
      return train_gates<feature_boosting>(
          [&](Index features, Index channels) {
            return feature_boosting(features, channels, {.weight_scale = 0.1, .seed = seed_});
          },
          1e-8, open_largest<feature_boosting>);
    // The gate as its options come (the energy of the coefficients above a threshold), and others.
    const bool as_it_comes = method == "default gates with a budget";
    const bool by_budget = as_it_comes || method == "activation gates with a budget";
    return train_gates<activation_gate>(
        [&](Index features, Index channels) {
          prunus::activation_gate_options o{.seed = seed_};
          if (as_it_comes) return activation_gate(features, channels, o);
          // Of as many channels for every image the largest coefficients win: the loss itself says
          // which grow. A number that depends on the image needs a slope through the decision.
          o.score = by_budget ? prunus::gate_score::head : prunus::gate_score::energy;
          o.rule = by_budget ? prunus::gate_rule::threshold : prunus::gate_rule::largest;
          o.energy_temperature = chosen_.temperature;
          return activation_gate(features, channels, o);
        },
        chosen_.lasso,
        [&](auto& net, double share) {
          if (by_budget)
            return nn::gated_loss{.budget = chosen_.budget,
                                  .budget_share = macs_of(image_network(data_.train, kept(share))) /
                                                  macs_of(start_.graph)};
          return open_largest<activation_gate>(net, share);
        });
  }

 private:
  template <class Gate>
  static nn::gated_loss open_largest(nn::gated_network<float, Gate>& net, double share) {
    for (Gate* gate : net.gates()) gate->set_open_share(share);
    return {};
  }

  /// Channels of every layer if all but the first keep a share.
  [[nodiscard]] std::vector<Index> kept(double share) const {
    std::vector<Index> result = channels_;
    for (std::size_t k = 1; k < result.size(); ++k)
      result[k] = prunus::channels_of_share(share, result[k]);
    return result;
  }
  [[nodiscard]] static double macs_of(const prunus::graph& graph) {
    return static_cast<double>(prunus::cost_of(prunus::resolve(graph)).macs);
  }

  [[nodiscard]] outcome outcome_of(network& net, double share) {
    return {share, accuracy_of(net, data_.test), macs_of(net.graph()) / macs_of(start_.graph),
            time_of([&](auto image) { return net.forward(image, 1, nn::mode::inference).data(); })};
  }

  /// A stage of tuning as the gates have them.
  void tune(network& net, Index first_epoch, const std::optional<prunus::hard_samples>& hard) {
    nn::optimizer<float, nn::sgd> optimizer(
        net, {.momentum = 0.9, .nesterov = true, .weight_decay = 1e-4});
    nn::minibatches<float> batches(data_.train.images, data_.train.labels,
                                   {.batch = chosen_.recipe.batch, .seed = seed_ + 1});
    const Index count = chosen_.recipe.epochs * batches.count();
    const nn::cosine_decay rate{chosen_.recipe.rate, count, count / 20};
    for (Index step = 0; step < count; ++step) {
      const auto batch = batches(static_cast<std::uint64_t>(first_epoch + step / batches.count()),
                                 step % batches.count());
      const auto logits = net.forward(batch.images, batch.size(), nn::mode::training);
      const std::span<const float> outputs(logits.data(), static_cast<std::size_t>(logits.size()));
      nn::softmax_cross_entropy<float>(outputs, batch.labels, net.output_gradient());
      if (hard) hard->weigh(outputs, batch.labels, net.output_gradient());
      net.backward();
      optimizer.step(rate(step));
    }
  }

  /// As many epochs in one go as the gates of that share have had with their dense start.
  [[nodiscard]] std::vector<outcome> from_scratch() {
    std::vector<outcome> result;
    Index epochs = chosen_.dense.epochs + chosen_.recipe.epochs;
    for (const double share : chosen_.shares) {
      epochs += 2 * chosen_.recipe.epochs;
      training_recipe recipe = chosen_.dense;
      recipe.epochs = epochs;
      network net(image_network(data_.train, kept(share)), {.seed = seed_});
      train(net, data_.train, recipe, seed_, [] {});
      result.push_back(outcome_of(net, share));
    }
    return result;
  }

  [[nodiscard]] std::vector<outcome> remove_filters() {
    std::vector<outcome> result;
    auto net = std::make_unique<network>(start_.graph, start_.tensors);
    tune(*net, 0, std::nullopt);
    Index epochs = chosen_.recipe.epochs;
    double kept = 1;
    for (const double share : chosen_.shares) {
      const auto filters = prunus::pass{sent_to_reader{net.get()}, prunus::filter,
                                        prunus::uniform{.round = prunus::rounding::down}}
                               .within({.exclude = {"conv1.*", "fc.*"}});
      static_cast<void>(prunus::prune(net->model(), filters, 1 - share / kept));
      const prunus::plan plan = prunus::plan_removal(net->graph(), net->model());
      net = std::make_unique<network>(prunus::compact(net->graph(), plan),
                                      prunus::compact(net->model(), plan));
      kept = share;
      tune(*net, epochs, std::nullopt);
      tune(*net, epochs += chosen_.recipe.epochs,
           prunus::hard_samples{.extra = chosen_.recipe.hard_weight});
      epochs += chosen_.recipe.epochs;
      result.push_back(outcome_of(*net, share));
    }
    return result;
  }

  template <class Gate, class MakeGate, class Open>
  [[nodiscard]] std::vector<outcome> train_gates(const MakeGate& make_gate, double lasso,
                                                 const Open& open) {
    network backbone(start_.graph, start_.tensors);
    nn::gated_network<float, Gate> net(backbone,
                                       [&](std::string_view layer, Index features, Index channels) {
                                         // The first layer sees the bare image, whose mean says too
                                         // little.
                                         if (layer == "conv1") return std::optional<Gate>();
                                         Gate gate = make_gate(features, channels);
                                         begin_apart(backbone, layer, gate);
                                         return std::optional(std::move(gate));
                                       });
    gate_recipe recipe = chosen_.recipe;
    recipe.seed = seed_;
    gate_training<Gate> training(net, data_.train, recipe);
    training.open(lasso);
    std::vector<outcome> result;
    for (const double share : chosen_.shares) {
      nn::gated_loss loss = open(net, share);
      loss.lasso = lasso;
      training.close(loss);
      result.push_back(gated_outcome(net, share));
    }
    return result;
  }

  template <class Gate>
  void begin_apart(network& backbone, std::string_view layer, Gate& gate) const {
    const int number = std::stoi(std::string(layer.substr(4)));
    const std::string bn = "bn" + std::to_string(number);
    const auto importance =
        channel_importance(backbone.model(), bn, reader_of(backbone.graph(), number));
    const auto factors = prunus_examples::begin_apart(gate, importance, chosen_.recipe.importance);
    for (const char* name : {".weight", ".bias"}) {
      const auto view = backbone.model()[bn + name].weight;
      for (std::size_t c = 0; c < factors.size(); ++c)
        view.data[c] = static_cast<float>(static_cast<double>(view.data[c]) / factors[c]);
    }
  }

  template <class Gate>
  [[nodiscard]] outcome gated_outcome(nn::gated_network<float, Gate>& net, double share) {
    net.measure_crossovers();
    net.clear_statistics();
    outcome o{share, 0, 0, {}};
    o.accuracy = nn::evaluate<float>(net, data_.test.images, data_.test.labels, 1).accuracy;
    const prunus::executed_work work = net.work();
    o.macs =
        static_cast<double>(work.macs + net.gate_macs()) / static_cast<double>(work.dense_macs);
    o.time = time_of([&](auto image) { return net.forward(image, 1, nn::mode::inference).data(); });
    return o;
  }

  /// Some images, one at a time, against the dense network in turns. The fastest rounds count,
  /// which other work on the machine disturbs least.
  template <class Infer>
  [[nodiscard]] prunus::latency_comparison time_of(const Infer& infer) {
    const auto all = [&](const auto& one) {
      return [&] {
        const float* last = nullptr;
        for (Index i = 0; i < std::min<Index>(chosen_.timed_images, data_.test.size()); ++i)
          last = one(data_.test.image(i));
        return last;
      };
    };
    const auto whole = [&](auto image) {
      return dense_.forward(image, 1, nn::mode::inference).data();
    };
    return prunus::compare_latency(all(whole), all(infer),
                                   {.repetitions = 25, .minimum_seconds = 0.3});
  }

  const options& chosen_;
  const data_split& data_;
  std::vector<Index> channels_;
  std::uint64_t seed_;
  starting_point start_;
  network dense_;
};

void show(const result_table& table, const options& chosen) {
  std::printf(
      "\n| network | method | open share | accuracy, %% | MACs / dense | time / dense |\n"
      "| --- | --- | --- | --- | --- | --- |\n");
  for (const std::string& name : chosen.networks) {
    figure by_macs{.title = "Gates or removal: " + name,
                   .x_label = "executed multiply-adds / dense",
                   .y_label = "accuracy, %"};
    figure by_time = by_macs;
    by_time.x_label = "milliseconds of one image / dense";
    std::vector<std::string> shown{"dense"};
    shown.insert(shown.end(), methods.begin(), methods.end());
    for (const std::string& method : shown) {
      curve macs_curve{.label = method, .points_only = method == "dense"};
      curve time_curve = macs_curve;
      std::vector<double> shares = method == "dense" ? std::vector<double>{1} : chosen.shares;
      for (const double share : shares) {
        std::vector<double> accuracies, macs, times;
        for (const auto& row : table.rows())
          if (row.key[0] == chosen.on && row.key[1] == name && row.key[2] == method &&
              row.key[3] == joined(share)) {
            accuracies.push_back(100 * row.values[0]);
            macs.push_back(row.values[1]);
            times.push_back(row.values[2]);
          }
        if (accuracies.empty()) continue;
        const auto [accuracy, deviation] = spread(accuracies);
        const auto [work, work_deviation] = spread(macs);
        const auto [time, time_deviation] = spread(times);
        macs_curve.x.push_back(work);
        time_curve.x.push_back(time);
        macs_curve.y.push_back(accuracy);
        time_curve.y.push_back(accuracy);
        std::printf("| %s | %s | %g | %.2f ± %.2f | %.3f ± %.3f | %.3f ± %.3f |\n", name.c_str(),
                    method.c_str(), share, accuracy, deviation, work, work_deviation, time,
                    time_deviation);
      }
      if (macs_curve.x.empty()) continue;
      by_macs.curves.push_back(std::move(macs_curve));
      by_time.curves.push_back(std::move(time_curve));
    }
    if (chosen.picture.empty() || by_macs.curves.empty()) continue;
    for (const auto& [picture, kind] : {std::pair(&by_macs, "macs"), std::pair(&by_time, "time")}) {
      const plot_result drawn =
          draw(*picture, joined(chosen.picture, "-", name, "-", kind, ".svg"));
      if (!drawn.drawn) std::printf("%s\n", drawn.message.c_str());
    }
  }
}

/// The images that nothing learns from, behind the others.
dataset split_off(dataset& data, std::ptrdiff_t count) {
  dataset rest = data;
  const std::ptrdiff_t left = data.size() - count;
  rest.images.erase(rest.images.begin(), rest.images.begin() + left * data.pixels());
  rest.labels.erase(rest.labels.begin(), rest.labels.begin() + left);
  data.images.resize(static_cast<std::size_t>(left * data.pixels()));
  data.labels.resize(static_cast<std::size_t>(left));
  return rest;
}

int run(const options& chosen) {
  result_table table(chosen.table, {"on", "network", "method", "open_share", "seed"},
                     {"accuracy", "macs", "time_over_dense", "milliseconds", "noise"});
  data_split data =
      load_normalised(data_directory(chosen.data),
                      {chosen.train_images + chosen.validation_images, chosen.test_images});
  if (data.train.size() <= chosen.validation_images)
    throw prunus::argument_error(prunus::errc::out_of_range,
                                 "gate_comparison: no training images are left; lower "
                                 "--validation-images");
  dataset validation = split_off(data.train, chosen.validation_images);
  if (chosen.on == "validation") data.test = std::move(validation);
  std::printf("%s: %td images to learn from, %td of %s\n", data.train.name.c_str(),
              data.train.size(), data.test.size(), chosen.on.c_str());

  const std::vector<std::string>& wanted = chosen.methods.empty() ? methods : chosen.methods;
  progress_bar bar(
      "runs", static_cast<long long>(chosen.networks.size() * wanted.size() * chosen.seeds.size()));
  long long done = 0;
  for (const std::string& name : chosen.networks)
    for (const std::uint64_t seed : chosen.seeds) {
      std::optional<workshop> shop;
      const auto key = [&](const std::string& method, double share) {
        return std::vector<std::string>{chosen.on, name, method, joined(share), joined(seed)};
      };
      const auto add = [&](const std::string& method, const outcome& o) {
        table.add({key(method, o.share),
                   {o.accuracy, o.macs, o.time.candidate.minimum / o.time.baseline.minimum,
                    1e3 * o.time.candidate.minimum / static_cast<double>(chosen.timed_images),
                    o.time.noise()}});
      };
      for (const std::string& method : wanted) {
        if (table.find(key(method, chosen.shares.back())) == nullptr) {
          if (!shop) shop.emplace(chosen, data, name, seed);
          if (table.find(key("dense", 1)) == nullptr) add("dense", shop->dense());
          for (const outcome& o : shop->run(method)) add(method, o);
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
  CLI::App app{"Accuracy over multiply-adds and milliseconds: gates against smaller networks."};
  app.add_option("--data", chosen.data,
                 "folder with Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits");
  app.add_option("--table", chosen.table, "CSV file that a later run goes on from")
      ->capture_default_str();
  app.add_option("--picture", chosen.picture, "beginning of the names of the pictures")
      ->capture_default_str();
  app.add_option("--on", chosen.on, "images to report on: validation to choose settings, or test")
      ->check(CLI::IsMember({"validation", "test"}))
      ->capture_default_str();
  app.add_option("--networks", chosen.networks)
      ->check(CLI::IsMember({"narrow", "wide"}))
      ->capture_default_str();
  app.add_option("--methods", chosen.methods, "all if none is named")
      ->check(CLI::IsMember(methods));
  app.add_option("--shares", chosen.shares, "of the channels that may open, descending")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_option("--seeds", chosen.seeds)->capture_default_str();
  app.add_option("--train-images", chosen.train_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--validation-images", chosen.validation_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--test-images", chosen.test_images)->check(CLI::PositiveNumber);
  app.add_option("--dense-epochs", chosen.dense.epochs)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.recipe.epochs)->capture_default_str();
  app.add_option("--timed-images", chosen.timed_images)->capture_default_str();
  app.add_option("--rate", chosen.recipe.rate)->capture_default_str();
  app.add_option("--gate-rate", chosen.recipe.gate_rate)->capture_default_str();
  app.add_option("--hard-weight", chosen.recipe.hard_weight)->capture_default_str();
  app.add_option("--importance", chosen.recipe.importance)->capture_default_str();
  app.add_option("--temperature", chosen.temperature,
                 "of the slope through decisions by energy; large: none")
      ->capture_default_str();
  app.add_option("--budget", chosen.budget)->capture_default_str();
  app.add_option("--lasso", chosen.lasso)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::sort(chosen.shares.rbegin(), chosen.shares.rend());
  try {
    return run(chosen);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
