// SPDX-License-Identifier: MIT
// Easy images need less network. Trains a CNN, finds out how much of its convolutions it can spare
// for a loss of 1, 4 and 8 points of accuracy, and takes a small, a medium and a large network out
// of it, without training again. A look at each image then decides which of them it is given to.
// That is shown for these limits and, where they lose too much on average, for lower ones. What to
// look at, and how much lower, is chosen on images of their own, before the test images are seen.
// Needs no data: it draws its own digits.
#include <prunus/adaptive/difficulty.hpp>
#include <prunus/adaptive/image_features.hpp>
#include <prunus/adaptive/mask_sets.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/search/layer_rate_search.hpp>
#include <prunus/search/pareto_front.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/counter_random.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/pruning_run.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace prunus_examples;
using prunus::Index;
using network = prunus::nn::network<float>;

constexpr std::size_t levels = 3;
constexpr std::array<const char*, levels> level_names{"easy", "medium", "hard"};

struct options {
  std::string network = "cnn";
  std::string data;
  std::string output = "prunus-difficulty";
  Index train_images = 4000, calibration_images = 1000, validation_images = 4000;
  Index test_images = 1000;
  std::vector<double> limits{8, 4, 1};  // points of accuracy, for easy, medium and hard images
  double mean_drop = 1.5;               // points of accuracy, on the validation images
  run_settings recipe{.dense_epochs = 3, .tuning_epochs = 0, .batch = 64, .weight_decay = 1e-4};
};

/// Images to learn from, images to judge networks and difficulty by, images to choose by, images to
/// report on; each with what a look at it tells, taken before it is normalised.
struct four_splits {
  data_split learning;  // to learn from and to calibrate by
  dataset validation, test;
  std::vector<double> calibration_features, validation_features, test_features;
};

constexpr Index cells = 7;  // of a grid, along either side
constexpr std::size_t number_of_features = 4 + cells * cells;
/// What is looked at: how busy an image is, or that and where it is bright.
constexpr std::array<std::size_t, 2> looks{4, number_of_features};

/// What is seen of an image: four measures of how busy it is, and how bright it is where.
void look_at(std::span<const float> image, const dataset& data, std::span<double> seen) {
  const auto busy = prunus::measure_image(image, data.channels, data.height, data.width).values();
  std::copy(busy.begin(), busy.end(), seen.begin());
  const auto bright = seen.subspan(busy.size());
  if (bright.empty()) return;
  std::fill(bright.begin(), bright.end(), 0.0);
  for (Index c = 0; c < data.channels; ++c)
    for (Index y = 0; y < data.height; ++y)
      for (Index x = 0; x < data.width; ++x)
        bright[static_cast<std::size_t>(y * cells / data.height * cells +
                                        x * cells / data.width)] +=
            static_cast<double>(
                image[static_cast<std::size_t>((c * data.height + y) * data.width + x)]);
}

std::vector<double> features_of(const dataset& data) {
  std::vector<double> all;
  for (Index i = 0; i < data.size(); ++i) {
    const std::size_t begin = all.size();
    all.resize(begin + number_of_features);
    look_at(data.image(i), data, std::span(all).subspan(begin));
  }
  return all;
}

dataset part(const dataset& whole, Index first, Index count) {
  const auto from = [&](Index image) {
    return whole.images.begin() + static_cast<std::ptrdiff_t>(image * whole.pixels());
  };
  dataset result = whole;
  result.images.assign(from(first), from(first + count));
  result.labels.assign(whole.labels.begin() + first, whole.labels.begin() + first + count);
  return result;
}

/// The first `count` features of every image.
std::vector<double> first_features(const std::vector<double>& all, std::size_t count) {
  std::vector<double> result;
  for (std::size_t i = 0; i < all.size(); i += number_of_features)
    result.insert(result.end(), all.begin() + static_cast<std::ptrdiff_t>(i),
                  all.begin() + static_cast<std::ptrdiff_t>(i + count));
  return result;
}

four_splits load(const options& chosen) {
  data_split data = load_or_draw(
      data_directory(chosen.data),
      {.train = chosen.train_images + chosen.calibration_images + chosen.validation_images,
       .test = chosen.test_images});
  const Index held = chosen.calibration_images + chosen.validation_images;
  if (data.train.size() <= held)
    throw prunus::argument_error(prunus::errc::out_of_range,
                                 "no images are left to learn from: fewer --calibration-images or "
                                 "--validation-images");
  const Index learn = data.train.size() - held;
  four_splits result;
  result.learning = {part(data.train, 0, learn),
                     part(data.train, learn, chosen.calibration_images)};
  result.validation = part(data.train, learn + chosen.calibration_images, chosen.validation_images);
  result.test = std::move(data.test);
  result.calibration_features = features_of(result.learning.test);
  result.validation_features = features_of(result.validation);
  result.test_features = features_of(result.test);
  const channel_statistics statistics = measure_channels(result.learning.train);
  for (dataset* each :
       {&result.learning.train, &result.learning.test, &result.validation, &result.test})
    normalise(*each, statistics);
  return result;
}

/// For every image: the probability of its class, and whether that is the largest.
struct judgement {
  std::vector<double> confidence;
  std::vector<char> right;
  [[nodiscard]] double accuracy() const {
    return static_cast<double>(std::count(right.begin(), right.end(), 1)) /
           static_cast<double>(right.size());
  }
};

judgement judge(network& net, const dataset& data) {
  judgement result;
  constexpr Index batch = 200;
  for (Index first = 0; first < data.size(); first += batch) {
    const Index count = std::min(batch, data.size() - first);
    const auto logits = net.forward(std::span(data.images)
                                        .subspan(static_cast<std::size_t>(first * data.pixels()),
                                                 static_cast<std::size_t>(count * data.pixels())),
                                    count, prunus::nn::mode::inference);
    for (Index i = 0; i < count; ++i) {
      const Index label = data.labels[static_cast<std::size_t>(first + i)];
      Index best = 0;
      const float most = logits.row(i).maxCoeff(&best);
      result.confidence.push_back(std::exp(static_cast<double>(logits(i, label) - most)) /
                                  static_cast<double>((logits.row(i).array() - most).exp().sum()));
      result.right.push_back(best == label ? 1 : 0);
    }
  }
  return result;
}

void train(pruning_run& run) {
  progress_bar bar("training", run.settings().epochs() * run.steps_in_epoch());
  while (run.epochs_done() < run.settings().epochs()) {
    const Index before = run.epochs_done() * run.steps_in_epoch();
    run.run_epoch([&](Index step, double) { bar.update(before + step); });
  }
}

/// How much of which convolution can go, in all combinations that were looked at.
prunus::layer_rate_report explore(pruning_run& run, const std::vector<double>& limits) {
  network& net = run.network();
  const auto pass =
      prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::uniform{prunus::rounding::down}}
          .within({.exclude = {"fc*"}});
  progress_bar bar("exploring", 150);
  Index done = 0;
  return search_layer_rates(
      net.model(), pass,
      [&] {
        bar.update(std::min<Index>(++done, 150));
        return run.accuracy();
      },
      [&] { return run.macs_removed(); },
      {.largest_drop = 1.25 * *std::max_element(limits.begin(), limits.end()) / 100});
}

/// A network for one level, taken out of the whole one.
struct level_network {
  std::unique_ptr<network> net;
  double macs_saved = 0;     ///< share
  double expected_drop = 0;  ///< of accuracy, on the calibration images
  judgement judged = {};     ///< on the images at hand
  double milliseconds = 0;   ///< for one image
};

level_network take_out(network& whole, prunus::mask_sets<float>& sets,
                       const prunus::layer_rate_report& report, double limit, const char* name) {
  const auto measured = report.measured();
  // The first candidate is the whole network: where nothing is good enough, that is taken.
  const Index chosen = prunus::best_within(measured, limit / 100).value_or(0);
  const Index set = sets.add(name, report.masks(chosen));
  const auto small = sets.compacted(set, whole.graph());
  level_network result;
  result.net = std::make_unique<network>(small.graph, small.tensors,
                                         prunus::nn::network_options{.batch = 200});
  result.macs_saved =
      1 - static_cast<double>(small.plan.after.macs) / static_cast<double>(small.plan.before.macs);
  result.expected_drop = measured[static_cast<std::size_t>(chosen)].drop;
  return result;
}

/// What a way of giving images to networks comes to on the test images.
struct outcome {
  double accuracy = 0, macs_saved = 0, milliseconds = 0;
  std::array<double, levels> shares{};
};

outcome outcome_of(const std::vector<Index>& level_of,
                   const std::array<level_network, levels>& nets, double look) {
  outcome result;
  const double weight = 1 / static_cast<double>(level_of.size());
  result.milliseconds = look;
  for (std::size_t i = 0; i < level_of.size(); ++i) {
    const auto l = static_cast<std::size_t>(level_of[i]);
    result.shares[l] += weight;
    result.accuracy += weight * nets[l].judged.right[i];
    result.macs_saved += weight * nets[l].macs_saved;
    result.milliseconds += weight * nets[l].milliseconds;
  }
  return result;
}

/// The same levels, dealt out blindly: what the look at the images is worth.
std::vector<Index> shuffled(std::vector<Index> level_of) {
  counter_random random(1, 0);
  for (std::size_t i = level_of.size(); i > 1; --i)
    std::swap(level_of[i - 1],
              level_of[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  return level_of;
}

figure picture_of(const prunus::layer_rate_report& report) {
  const auto measured = report.measured();
  curve cloud{.label = "combinations", .points_only = true}, front{.label = "Pareto front"};
  const auto add = [](curve& to, const prunus::drop_and_saving& m) {
    to.x.push_back(100 * m.drop);
    to.y.push_back(100 * m.saving);
  };
  for (const prunus::drop_and_saving& m : measured)
    if (m.drop < 0.2) add(cloud, m);
  for (const Index i : prunus::pareto_front(measured))
    if (measured[static_cast<std::size_t>(i)].drop < 0.2)
      add(front, measured[static_cast<std::size_t>(i)]);
  return {.title = "What combinations of layers and rates lose and save",
          .x_label = "accuracy lost without training again, points",
          .y_label = "multiply-adds saved, %",
          .curves = {cloud, front},
          .y_range = axis_range{0, 100}};
}

/// Tells by a look at an image how difficult it is.
struct onlooker {
  std::size_t features = 0;  ///< that are looked at
  prunus::difficulty_estimator estimator;

  [[nodiscard]] std::vector<Index> levels_of(const std::vector<double>& all) const {
    std::vector<Index> result;
    for (std::size_t i = 0; i < all.size(); i += number_of_features)
      result.push_back(estimator.level(std::span(all).subspan(i, features)));
    return result;
  }
};

/// Three networks and what tells which of them an image is given to.
struct deployment {
  std::array<level_network, levels> nets;
  std::optional<onlooker> look;
  double drop = 1;   ///< of accuracy, on the validation images
  double scale = 1;  ///< of the limits

  void judge_by(const dataset& data) {
    for (level_network& level : nets) level.judged = judge(*level.net, data);
  }
};

/// Difficult is an image of which the smallest network is less sure than the whole one.
std::vector<double> difficulties_of(network& whole, network& smallest, const dataset& data) {
  const judgement before = judge(whole, data), after = judge(smallest, data);
  std::vector<double> difficulties;
  for (std::size_t i = 0; i < before.confidence.size(); ++i)
    difficulties.push_back(std::clamp(before.confidence[i] - after.confidence[i], 0.0, 1.0));
  return difficulties;
}

/// The largest networks within `scale` times the limits, and of the looks the one by which the
/// validation images lose less.
deployment deploy(network& whole, const prunus::layer_rate_report& report, const options& chosen,
                  const four_splits& data, double scale) {
  const double accuracy = judge(whole, data.validation).accuracy();
  prunus::mask_sets<float> sets(whole.model());
  deployment result;
  result.scale = scale;
  for (std::size_t l = 0; l < levels; ++l)
    result.nets[l] = take_out(whole, sets, report, scale * chosen.limits[l], level_names[l]);
  result.judge_by(data.validation);
  const auto difficulties = difficulties_of(whole, *result.nets.front().net, data.learning.test);
  for (const std::size_t count : looks) {
    onlooker look{
        count, prunus::difficulty_estimator::fit(first_features(data.calibration_features, count),
                                                 static_cast<Index>(count), difficulties)};
    const double drop =
        accuracy - outcome_of(look.levels_of(data.validation_features), result.nets, 0).accuracy;
    if (result.look && drop >= result.drop) continue;
    result.drop = drop;
    result.look = std::move(look);
  }
  return result;
}

/// The limits as they were given first; last, where these lose too much on average, lowered limits
/// by which the validation images lose little enough.
std::vector<deployment> choose(network& whole, const prunus::layer_rate_report& report,
                               const options& chosen, const four_splits& data) {
  std::vector<deployment> result;
  for (double scale = 1;; scale = scale > 0.3 ? scale - 0.125 : 0) {
    if (result.size() > 1) result.pop_back();
    result.push_back(deploy(whole, report, chosen, data, scale));
    if (scale == 0 || 100 * result.back().drop <= chosen.mean_drop) return result;
  }
}

/// Times of one image: the whole network, the three taken out of it, and the look at the image.
struct times {
  double whole = 0, look = 0;
  std::array<double, levels> level{};
};

times measure_times(network& whole, const deployment& chosen, const dataset& test) {
  const auto& nets = chosen.nets;
  const auto image = test.image(0);
  const auto run_once = [&](network& net) {
    return [&net, image] { return net.forward(image, 1, prunus::nn::mode::inference)(0, 0); };
  };
  const auto look = [&] {
    std::array<double, number_of_features> seen;
    look_at(image, test, std::span(seen).first(chosen.look->features));
    return chosen.look->estimator.level(std::span(seen).first(chosen.look->features));
  };
  const prunus::latency_options patience{.minimum_seconds = 0.5, .maximum_seconds = 3};
  const auto compared =
      prunus::compare_latencies(patience, run_once(whole), run_once(*nets[0].net),
                                run_once(*nets[1].net), run_once(*nets[2].net), look);
  times result;
  result.whole = 1e3 * compared[0].baseline.median;
  for (std::size_t l = 0; l < levels; ++l) result.level[l] = 1e3 * compared[l].candidate.median;
  result.look = 1e3 * compared[3].candidate.median;
  return result;
}

/// The ways to give the test images to networks, beside each other.
class ways_table {
 public:
  ways_table(double accuracy, double milliseconds)
      : accuracy_(accuracy), milliseconds_(milliseconds) {}

  void head() const {
    std::printf("  %-28s accuracy    drop  multiply-adds saved  ms an image   saved\n", "");
  }
  void add(double scale, const std::string& way, const outcome& o) {
    std::printf("  %-28s %6.2f %% %6.2f %18.1f %% %12.4f %6.1f %%\n", way.c_str(), 100 * o.accuracy,
                100 * (accuracy_ - o.accuracy), 100 * o.macs_saved, o.milliseconds,
                100 * (1 - o.milliseconds / milliseconds_));
    table_.add(scale, way, o.accuracy, accuracy_ - o.accuracy, o.macs_saved, o.milliseconds,
               o.shares[0], o.shares[1], o.shares[2]);
  }
  void write(const std::string& path) const { table_.write(path); }

 private:
  double accuracy_, milliseconds_;
  csv_table table_{{"limits_times", "way", "accuracy", "accuracy_drop", "macs_saved",
                    "milliseconds_an_image", "share_easy", "share_medium", "share_hard"}};
};

/// Whether images that were judged easy are, and what each level loses.
void print_levels(const std::vector<Index>& level_of, const judgement& dense,
                  const std::array<level_network, levels>& nets) {
  std::printf("\n  level    images  whole net right  its net right\n");
  for (std::size_t l = 0; l < levels; ++l) {
    double count = 0, before = 0, after = 0;
    for (std::size_t i = 0; i < level_of.size(); ++i)
      if (level_of[i] == static_cast<Index>(l)) {
        ++count;
        before += dense.right[i];
        after += nets[l].judged.right[i];
      }
    std::printf("  %-7s %5.1f %% %14.2f %% %12.2f %%\n", level_names[l],
                100 * count / static_cast<double>(level_of.size()),
                100 * before / std::max(count, 1.0), 100 * after / std::max(count, 1.0));
  }
}

/// What a deployment comes to on the test images.
void report_on(deployment& deployed, network& whole, const judgement& dense,
               const four_splits& data, ways_table& ways) {
  deployed.judge_by(data.test);
  auto& nets = deployed.nets;
  const times timed = measure_times(whole, deployed, data.test);
  for (std::size_t l = 0; l < levels; ++l) nets[l].milliseconds = timed.level[l];
  const std::vector<Index> by_look = deployed.look->levels_of(data.test_features);
  const outcome aware = outcome_of(by_look, nets, timed.look);
  std::printf(
      "\nlimits times %.3f, %zu features of an image: mean drop %.2f points on %td validation "
      "images\n",
      deployed.scale, deployed.look->features, 100 * deployed.drop, data.validation.size());
  ways.head();
  for (std::size_t l = 0; l < levels; ++l)
    ways.add(deployed.scale, std::string("all images to ") + level_names[l],
             outcome_of(std::vector<Index>(by_look.size(), static_cast<Index>(l)), nets, 0));
  ways.add(deployed.scale, "by their difficulty", aware);
  ways.add(deployed.scale, "as many each, but blindly", outcome_of(shuffled(by_look), nets, 0));
  print_levels(by_look, dense, nets);

  std::array<double, levels> drops{};
  for (std::size_t l = 0; l < levels; ++l) drops[l] = nets[l].expected_drop;
  std::printf(
      "\nmean drop %.2f points on the test images; %.2f were to be expected if images of all "
      "levels "
      "lost alike; the look takes %.4f ms of the %.4f\n",
      100 * (dense.accuracy() - aware.accuracy), 100 * prunus::expected_value(aware.shares, drops),
      timed.look, aware.milliseconds);
}

int run(const options& chosen) {
  // What would fail at the end must fail now.
  const std::filesystem::path folder = output_folder(chosen.output);

  const four_splits data = load(chosen);
  pruning_run trained(make_network(chosen.network, data.learning.train), data.learning,
                      chosen.recipe);
  train(trained);
  network& whole = trained.network();
  const prunus::layer_rate_report report = explore(trained, chosen.limits);
  const judgement dense = judge(whole, data.test);
  std::vector<deployment> deployed = choose(whole, report, chosen, data);
  const double whole_time = measure_times(whole, deployed.back(), data.test).whole;
  std::printf(
      "%s on %s: accuracy %.2f %% on %td calibration and %.2f %% on %td test images, %.4f ms an "
      "image; %zu combinations of layers and rates, %zu of them on the Pareto front\n",
      chosen.network.c_str(), data.test.name.c_str(), 100 * report.baseline,
      data.learning.test.size(), 100 * dense.accuracy(), data.test.size(), whole_time,
      report.candidates.size(), prunus::pareto_front(report.measured()).size());

  ways_table ways(dense.accuracy(), whole_time);
  for (deployment& each : deployed) report_on(each, whole, dense, data, ways);
  const std::string csv = (folder / "levels.csv").string(), svg = (folder / "pareto.svg").string();
  ways.write(csv);
  const plot_result drawn = draw(picture_of(report), svg);
  std::printf("%s%s\n", csv.c_str(),
              drawn.drawn ? (", " + svg).c_str() : ("; " + drawn.message).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Gives easy images to a smaller network, taken out of a trained one.");
  app.add_option("--network", chosen.network, "lenet, cnn, vgg or resnet")
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str();
  app.add_option("--epochs", chosen.recipe.dense_epochs)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--train-images", chosen.train_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--calibration-images", chosen.calibration_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--validation-images", chosen.validation_images, "to choose looks and limits by")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--mean-drop", chosen.mean_drop,
                 "points of accuracy that the validation images may lose on average")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--seed", chosen.recipe.seed)->capture_default_str();
  app.add_option("--test-images", chosen.test_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--limits", chosen.limits,
                 "points of accuracy that the easy, medium and hard network may lose")
      ->expected(static_cast<int>(levels))
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--threads", chosen.recipe.threads)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option(
      "--data", chosen.data,
      "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits drawn here");
  app.add_option("--output", chosen.output, "folder for the table and the picture")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "10_difficulty_aware: %s\n", problem.what());
    return 1;
  }
}
