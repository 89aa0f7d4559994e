// SPDX-License-Identifier: MIT
// Pruning for each image anew: gates decide from the input of a layer which of its channels this
// image needs, and the others are never computed. Trains a small CNN, puts gates into it, opens
// fewer and fewer channels, and compares accuracy, executed multiply-adds and milliseconds with the
// same network whose filters were removed for good. Needs no data: it draws its own digits.
#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/feature_boosting.hpp>
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/adaptive/static_export.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/gate_recipe.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace prunus_examples;
namespace nn = prunus::nn;
using prunus::Index;
using network = nn::network<float>;
using activation_gate = prunus::activation_gate<float>;
using feature_boosting = prunus::feature_boosting<float>;

struct options {
  std::string gate = "all";
  std::string data;
  std::string output = "prunus-activation-gates";
  std::vector<double> shares{0.75, 0.5, 0.35};
  Index width = 16, epochs = 3, tuning_epochs = 1, batch = 32;
  Index train_images = 2000, test_images = 1000, timed_images = 100, rounds = 9;
  double rate = 0.05, tuning_rate = 0.02, gate_rate = 2e-3;
  double budget = 30, lasso = 1e-4, hard_weight = 1, never = 0.01;
  Index threads = 2;
  std::uint64_t seed = 1;
};

prunus::graph small_vgg(const dataset& data, Index width) {
  prunus::graph g;
  std::string x = g.input("image", {data.channels, data.height, data.width});
  const auto convolution = [&](const std::string& number, Index channels) {
    x = g.convolution("conv" + number, x,
                      {.out_channels = channels, .kernel = 3, .padding = 1, .bias = false});
    x = g.relu("relu" + number, g.batch_norm("bn" + number, x));
  };
  convolution("1", width);
  x = g.max_pooling("pool1", x, 2, 2);
  convolution("2", 2 * width);
  convolution("3", 2 * width);
  x = g.max_pooling("pool2", x, 2, 2);
  convolution("4", 4 * width);
  g.linear("fc", g.global_average_pooling("mean", x), {.out_features = data.classes});
  return g;
}

/// One line of the result.
struct measured {
  std::string method;
  double open = 1;  ///< share of the channels that a layer may open, or keeps
  double accuracy = 0;
  double macs = 1;  ///< executed, decisions included, over those of the dense network
  double milliseconds = 0;
  double over_dense = 1;  ///< time
};

using no_gate = activation_gate;
using ungated_network = nn::gated_network<float, no_gate>;

class workshop {
 public:
  workshop(const options& chosen, const data_split& data)
      : chosen_(chosen), data_(data), graph_(small_vgg(data.train, chosen.width)) {}

  void train_dense() {
    dense_ = std::make_unique<network>(
        graph_, nn::network_options{
                    .seed = chosen_.seed, .threads = chosen_.threads, .batch = chosen_.batch});
    progress_bar bar("training", chosen_.epochs);
    train(*dense_, chosen_.epochs, chosen_.rate, [&](Index epoch) { bar.update(epoch); });
    timed_ = std::make_unique<ungated_network>(*dense_, ungated);
    result_.push_back(measure(*timed_, "dense", 1));
    show(result_.back());
  }

  /// Fewer filters in every layer but the first, as many as a gate may open, and fine-tuned. Starts
  /// each time from the network before and takes as many epochs as the gates do.
  void prune_static() {
    std::unique_ptr<network> net = copy(*dense_);
    train(*net, chosen_.tuning_epochs, chosen_.tuning_rate, [](Index) {});
    double kept = 1;
    for (const double share : chosen_.shares) {
      const auto filters =
          prunus::pass{prunus::l2_norm{}, prunus::filter}.within({.exclude = {"conv1.*", "fc.*"}});
      static_cast<void>(prunus::prune(net->model(), filters, 1 - share / kept));
      const prunus::plan plan = prunus::plan_removal(net->graph(), net->model());
      net = std::make_unique<network>(prunus::compact(net->graph(), plan),
                                      prunus::compact(net->model(), plan), net_options());
      kept = share;
      train(*net, 2 * chosen_.tuning_epochs, chosen_.tuning_rate, [](Index) {});
      ungated_network timed(*net, ungated);
      result_.push_back(measure(timed, "static filters", share));
      show(result_.back());
    }
  }

  /// The order of training: trained before, all gates open, fewer and fewer, hard images last.
  template <class Gate, class MakeGate, class Open>
  void train_gates(const std::string& name, double gate_rate, const MakeGate& make_gate,
                   const Open& open) {
    const std::unique_ptr<network> backbone = copy(*dense_);
    nn::gated_network<float, Gate> net(
        *backbone, [&](std::string_view layer, Index features, Index channels) {
          // The first layer sees the bare image, whose mean says too little.
          return layer == "conv1" ? std::optional<Gate>() : make_gate(features, channels);
        });
    gate_training<Gate> training(net, data_.train,
                                 {.epochs = chosen_.tuning_epochs,
                                  .batch = chosen_.batch,
                                  .rate = chosen_.tuning_rate,
                                  .gate_rate = gate_rate,
                                  .hard_weight = chosen_.hard_weight,
                                  .seed = chosen_.seed});
    progress_bar bar(name, 1 + static_cast<Index>(chosen_.shares.size()));
    Index done = 0;
    const double lasso = std::is_same_v<Gate, feature_boosting> ? 1e-8 : chosen_.lasso;
    training.open(lasso);
    bar.update(++done);
    for (const double share : chosen_.shares) {
      nn::gated_loss loss = open(net, share);
      loss.lasso = lasso;
      training.close(loss);
      bar.update(++done);
      result_.push_back(measure(net, name, share));
    }
    for (std::size_t k = result_.size() - chosen_.shares.size(); k < result_.size(); ++k)
      show(result_[k]);
    net.clear_statistics();
    static_cast<void>(nn::evaluate<float>(net, data_.train.images, data_.train.labels, 1));
    for (const prunus::gate_statistics& s : net.statistics())
      openness_.push_back(curve_of(name, s));
    export_for_good<Gate>(*backbone, net);
  }

  void write(const std::filesystem::path& folder) const {
    csv_table table({"method", "open_share", "accuracy", "macs", "milliseconds", "over_dense"});
    for (const measured& m : result_)
      table.add(m.method, m.open, m.accuracy, m.macs, m.milliseconds, m.over_dense);
    const std::string csv = (folder / "gates.csv").string();
    table.write(csv);
    std::printf("\n%s", csv.c_str());
    draw_to(folder / "accuracy_macs.svg", "executed multiply-adds over dense ones",
            [](const measured& m) { return m.macs; });
    draw_to(folder / "accuracy_time.svg", "time over dense time, one image at a time",
            [](const measured& m) { return m.over_dense; });
    if (!openness_.empty())
      report(folder / "open_channels.svg",
             {.title = "How often each channel opens, at the last share",
              .x_label = "channels of a layer, most often open first (share)",
              .y_label = "share of the images",
              .curves = openness_,
              .y_range = axis_range{0, 1.05}});
    std::printf("\n");
  }

 private:
  static std::optional<no_gate> ungated(std::string_view, Index, Index) { return std::nullopt; }

  [[nodiscard]] nn::network_options net_options() const {
    return {.seed = chosen_.seed, .threads = chosen_.threads, .batch = chosen_.batch};
  }
  [[nodiscard]] static nn::sgd sgd() {
    return {.momentum = 0.9, .nesterov = true, .weight_decay = 1e-4};
  }
  [[nodiscard]] std::unique_ptr<network> copy(const network& from) const {
    return std::make_unique<network>(from.graph(), from.tensors(), net_options());
  }

  template <class AfterEpoch>
  void train(network& net, Index epochs, double rate, const AfterEpoch& after_epoch) const {
    nn::minibatches<float> batches(data_.train.images, data_.train.labels,
                                   {.batch = chosen_.batch, .seed = chosen_.seed});
    nn::optimizer<float, nn::sgd> optimizer(net, sgd());
    const Index steps = epochs * batches.count();
    const nn::cosine_decay falling{rate, steps, steps / 20};
    for (Index step = 0; step < steps; ++step) {
      const Index epoch = step / batches.count();
      const auto batch = batches(static_cast<std::uint64_t>(epoch), step % batches.count());
      nn::train_step<float>(net, optimizer, batch.images, batch.labels, falling(step));
      if ((step + 1) % batches.count() == 0) after_epoch(epoch + 1);
    }
  }

  /// Seconds for one image.
  template <class Gate>
  [[nodiscard]] double seconds(nn::gated_network<float, Gate>& net, Index image) const {
    const auto start = std::chrono::steady_clock::now();
    net.forward(data_.test.image(image), 1, nn::mode::inference);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  /// Accuracy and executed work over all test images, time over some of them, one at a time: each
  /// in turn with the dense network, the fastest of a few rounds.
  template <class Gate>
  [[nodiscard]] measured measure(nn::gated_network<float, Gate>& net, std::string name,
                                 double share) {
    net.measure_crossovers();
    net.clear_statistics();
    measured m{std::move(name), share};
    m.accuracy = nn::evaluate<float>(net, data_.test.images, data_.test.labels, 1).accuracy;
    const double macs = static_cast<double>(net.work().macs + net.gate_macs()) /
                        static_cast<double>(data_.test.size());
    if (dense_macs_ == 0) dense_macs_ = macs;
    m.macs = macs / dense_macs_;
    double time = 0, dense_time = 0;
    const Index images = std::min<Index>(chosen_.timed_images, data_.test.size());
    for (Index i = 0; i < images; ++i) {
      double best = 1e9, best_dense = 1e9;
      for (Index round = 0; round < chosen_.rounds; ++round) {
        best_dense = std::min(best_dense, seconds(*timed_, i));
        best = std::min(best, seconds(net, i));
      }
      time += best;
      dense_time += best_dense;
    }
    m.milliseconds = 1e3 * time / static_cast<double>(images);
    m.over_dense = time / dense_time;
    return m;
  }

  static void show(const measured& m) {
    std::printf("%-22s  %5.0f %%  %7.2f %%  %6.1f %%  %8.3f  %9.2f\n", m.method.c_str(),
                100 * m.open, 100 * m.accuracy, 100 * m.macs, m.milliseconds, m.over_dense);
    std::fflush(stdout);
  }

  /// Channels that hardly ever open are taken out of the network, its gates are cut to the rest.
  template <class Gate>
  void export_for_good(network& backbone, nn::gated_network<float, Gate>& net) {
    const std::vector<prunus::gate_statistics> seen = net.statistics();
    const prunus::plan plan = prunus::plan_static_export(backbone.graph(), seen, chosen_.never);
    Index closed = 0, all = 0;
    for (const prunus::gate_statistics& s : seen) {
      closed += static_cast<Index>(s.rarely_open(chosen_.never).size());
      all += s.channels();
    }
    network slim(prunus::compact(backbone.graph(), plan), prunus::compact(backbone.model(), plan),
                 net_options());
    const std::vector<Gate*> whole = net.gates();
    std::size_t next = 0;
    nn::gated_network<float, Gate> small(
        slim, [&](std::string_view layer, Index, Index) -> std::optional<Gate> {
          if (layer == "conv1") return std::nullopt;
          const Gate& gate = *whole[next++];
          const std::string number(layer.substr(4));
          const std::string before = "conv" + std::to_string(std::stoi(number) - 1) + ".weight";
          return gate.compacted(
              prunus::kept_outputs(plan, before, gate.features()),
              prunus::kept_outputs(plan, "conv" + number + ".weight", gate.channels()));
        });
    const auto size = [](const network& n) {
      Index count = 0;
      for (const auto& p : n.model().parameters()) count += p.weight.size();
      return static_cast<double>(count);
    };
    std::printf(
        "  for good: %td of %td channels open for less than %.0f %% of the training images; "
        "without "
        "them %.0f of %.0f parameters and %.2f %% on the test images\n",
        closed, all, 100 * chosen_.never, size(slim), size(backbone),
        100 * nn::evaluate<float>(small, data_.test.images, data_.test.labels, 1).accuracy);
  }

  [[nodiscard]] static curve curve_of(const std::string& name, const prunus::gate_statistics& s) {
    std::vector<double> shares;
    for (Index c = 0; c < s.channels(); ++c) shares.push_back(s.open_share(c));
    std::sort(shares.rbegin(), shares.rend());
    curve line{.label = name + " " + s.name().substr(0, s.name().find('.'))};
    for (std::size_t k = 0; k < shares.size(); ++k) {
      line.x.push_back((static_cast<double>(k) + 0.5) / static_cast<double>(shares.size()));
      line.y.push_back(shares[k]);
    }
    return line;
  }

  template <class X>
  void draw_to(const std::filesystem::path& path, const std::string& x_label, const X& x) const {
    figure picture{.title = "Gates that skip, and filters removed for good",
                   .x_label = x_label,
                   .y_label = "accuracy"};
    for (const measured& m : result_) {
      if (picture.curves.empty() || picture.curves.back().label != m.method)
        picture.curves.push_back({.label = m.method, .points_only = m.method == "dense"});
      picture.curves.back().x.push_back(x(m));
      picture.curves.back().y.push_back(m.accuracy);
    }
    report(path, picture);
  }
  static void report(const std::filesystem::path& path, const figure& picture) {
    const plot_result drawn = draw(picture, path.string());
    std::printf("%s",
                drawn.drawn ? (", " + path.string()).c_str() : ("; " + drawn.message).c_str());
  }

  const options& chosen_;
  const data_split& data_;
  prunus::graph graph_;
  std::unique_ptr<network> dense_;
  std::unique_ptr<ungated_network> timed_;
  double dense_macs_ = 0;
  std::vector<measured> result_;
  std::vector<curve> openness_;
};

int run(const options& chosen) {
  const std::filesystem::path folder = output_folder(chosen.output);
  data_split data = load_or_draw(data_directory(chosen.data),
                                 {.train = chosen.train_images, .test = chosen.test_images});
  const channel_statistics statistics = measure_channels(data.train);
  normalise(data.train, statistics);
  normalise(data.test, statistics);
  std::printf("%s: %td images to learn from, %td to be tested on\n\n", data.train.name.c_str(),
              data.train.size(), data.test.size());
  std::printf("method                     open  accuracy      MACs  ms/image  over dense\n");

  workshop shop(chosen, data);
  shop.train_dense();
  shop.prune_static();
  const auto wanted = [&](std::string_view gate) {
    return chosen.gate == gate || chosen.gate == "all";
  };
  // As many channels for every image, those with the largest coefficients. A wide slope of the
  // decision keeps the many that are near the threshold from moving at once.
  if (wanted("activation"))
    shop.train_gates<activation_gate>(
        "activation gates", chosen.gate_rate,
        [&](Index features, Index channels) {
          return std::optional(activation_gate(
              features, channels,
              {.rule = prunus::gate_rule::largest, .energy_temperature = 1, .seed = chosen.seed}));
        },
        [](auto& net, double share) {
          for (activation_gate* gate : net.gates()) gate->set_open_share(share);
          return nn::gated_loss{};
        });
  // As many as the image asks for, on average within a budget.
  if (wanted("budget"))
    shop.train_gates<activation_gate>(
        "activation gates, head", 2.5 * chosen.gate_rate,
        [&](Index features, Index channels) {
          return std::optional(activation_gate(
              features, channels, {.score = prunus::gate_score::head, .seed = chosen.seed}));
        },
        [&](auto&, double share) {
          return nn::gated_loss{.budget = chosen.budget, .budget_share = share * share};
        });
  if (wanted("boosting"))
    shop.train_gates<feature_boosting>(
        "feature boosting", chosen.gate_rate,
        [&](Index features, Index channels) {
          return std::optional(
              feature_boosting(features, channels, {.weight_scale = 0.1, .seed = chosen.seed}));
        },
        [](auto& net, double share) {
          for (feature_boosting* gate : net.gates()) gate->set_open_share(share);
          return nn::gated_loss{};
        });
  shop.write(folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app(
      "Gates that decide for each image which channels to compute, and really skip the rest.");
  app.add_option("--gate", chosen.gate,
                 "activation (as many channels for every image), budget (as many as the image asks "
                 "for), boosting, or all of them")
      ->check(CLI::IsMember({"activation", "budget", "boosting", "all"}))
      ->capture_default_str();
  app.add_option("--shares", chosen.shares, "of the channels that may open, descending")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_option("--width", chosen.width,
                 "channels of the first layer; the last has four times that")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of the dense network")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning_epochs,
                 "with all gates open, at each share, and at each share for hard images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--budget", chosen.budget, "weight of the budget in the loss")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--lasso", chosen.lasso, "weight of the coefficients' sizes in the loss")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--gate-rate", chosen.gate_rate, "learning rate of the gates, by Adam")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--hard-weight", chosen.hard_weight, "that hard images get more in the loss")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--never", chosen.never, "open for fewer of the images: gone for good")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--train-images", chosen.train_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--test-images", chosen.test_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", chosen.threads, "of the training without gates")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", chosen.seed)->capture_default_str();
  app.add_option(
      "--data", chosen.data,
      "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits drawn here");
  app.add_option("--output", chosen.output, "folder for the table and the pictures")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::sort(chosen.shares.rbegin(), chosen.shares.rend());
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "08_activation_gates: %s\n", problem.what());
    return 1;
  }
}
