// SPDX-License-Identifier: MIT
// Finds things in the video of a fixed camera and computes only what changed since the frame
// before. Trains a small fully convolutional network, removes half of its filters for good, then
// runs it over a video with larger and larger thresholds of change and compares executed
// multiply-adds, milliseconds and quality with the dense networks. Needs no data: it films a scene
// of its own.
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/adapters/calibrate_thresholds.hpp>
#include <prunus/nn/change_based_network.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/runtime/denormal_guard.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/png.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/surveillance.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace prunus_examples;
namespace nn = prunus::nn;
using prunus::Index;
using network = nn::network<float>;
using video_network = nn::change_based_network<float>;

struct options {
  std::string output = "prunus-surveillance";
  std::vector<double> thresholds{0.02, 0.04, 0.06, 0.1, 0.15, 0.25};
  surveillance_options scene;
  std::ptrdiff_t train_films = 40, test_frames = 120, clips = 20;
  Index epochs = 5, tuning_epochs = 3, batch = 8, rounds = 4, threads = 2;
  double sparsity = 0.5, learning_rate = 0.004;
  std::uint64_t seed = 1;
};

/// Background or object at every fourth pixel of every fourth line.
prunus::graph detector(const surveillance_options& scene) {
  prunus::graph g;
  std::string x = g.input("frame", {3, scene.height, scene.width});
  for (const auto& [number, width] : {std::pair{"1", 16}, {"2", 32}, {"3", 32}}) {
    const std::string at = number;
    x = g.convolution("conv" + at, x,
                      {.out_channels = width, .kernel = 3, .padding = 1, .bias = false});
    x = g.relu("relu" + at, g.batch_norm("bn" + at, x));
    if (at != "3") x = g.max_pooling("pool" + at, x, 2, 2);
  }
  g.convolution("classifier", x, {.out_channels = 2});
  return g;
}

void train(const std::string& name, network& net, const video& film, Index epochs,
           const options& chosen) {
  nn::minibatches<float> batches(
      film.frames, film.labels,
      {.batch = chosen.batch, .seed = chosen.seed, .positions = film.places()});
  nn::optimizer<float, nn::adam> optimize(net, nn::adam{});
  const Index steps = epochs * batches.count();
  const nn::cosine_decay rate{chosen.learning_rate, steps, steps / 20};
  progress_bar bar(name, steps, {.line_every = 0.5});
  for (Index step = 0; step < steps; ++step) {
    const auto batch =
        batches(static_cast<std::uint64_t>(step / batches.count()), step % batches.count());
    const auto result =
        nn::train_step<float>(net, optimize, batch.images, batch.labels, rate(step));
    bar.update(step + 1, "loss " + std::to_string(result.loss).substr(0, 6));
  }
}

/// A network without the filters of the smallest norm, which `net` loses; not trained on yet.
std::unique_ptr<network> without_filters(network& net, const options& chosen) {
  const auto filters =
      prunus::pass{prunus::l2_norm{}, prunus::filter}.within({.exclude = {"classifier.*"}});
  static_cast<void>(prunus::prune(net.model(), filters, chosen.sparsity));
  const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
  return std::make_unique<network>(
      prunus::compact(net.graph(), plan), prunus::compact(net.model(), plan),
      nn::network_options{.seed = chosen.seed, .threads = chosen.threads});
}

constexpr std::ptrdiff_t clip_length = 5;

/// Mean loss on the last frame of each clip, forgetting the video before each.
double loss_of_clips(video_network& net, const video& film) {
  double loss = 0;
  for (std::ptrdiff_t n = 0; n < film.size(); ++n) {
    if (n % clip_length == 0) net.reset();
    const std::span<const float> outputs = net.forward(film.frame(n));
    if (n % clip_length == clip_length - 1)
      loss += nn::softmax_cross_entropy<float>(outputs, film.labels_of(n), {}, film.places()).loss;
  }
  return loss / static_cast<double>(film.size() / clip_length);
}

/// A network that runs over the video, and what came of it.
struct contender {
  std::string name;
  double threshold = std::numeric_limits<double>::quiet_NaN();
  std::shared_ptr<network> dense = nullptr;  // one of the two
  std::shared_ptr<video_network> changing = nullptr;
  double recomputed = 1;  // share of the output positions of all convolutions
  double macs = 0;        // of a frame, mean
  double milliseconds = 0, largest_error = 0, accuracy = 0, iou = 0;

  std::span<const float> forward(std::span<const float> frame) {
    if (changing) return changing->forward(frame);
    const auto y = dense->forward(frame, 1, nn::mode::inference);
    return {y.data(), static_cast<std::size_t>(y.size())};
  }
};

bool is_object(std::span<const float> outputs, std::size_t place) {
  return outputs[outputs.size() / 2 + place] > outputs[place];
}

/// Work, error against the dense twin, and quality, over the whole video.
void judge(contender& one, network& twin, const video& film) {
  double positions = 0, recomputed = 0, macs = 0, largest = 0, right = 0, both = 0, either = 0;
  if (one.changing) one.changing->reset();
  for (std::ptrdiff_t n = 0; n < film.size(); ++n) {
    const std::span<const float> outputs = one.forward(film.frame(n));
    const auto expected = twin.forward(film.frame(n), 1, nn::mode::inference);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const float y = expected(0, static_cast<Index>(i));
      largest = std::max(largest, std::abs(static_cast<double>(y)));
      one.largest_error =
          std::max(one.largest_error, std::abs(static_cast<double>(outputs[i] - y)));
    }
    for (std::size_t p = 0; p < static_cast<std::size_t>(film.places()); ++p) {
      const bool found = is_object(outputs, p), there = film.labels_of(n)[p] == 1;
      right += found == there;
      both += found && there;
      either += found || there;
    }
    if (!one.changing) continue;
    macs += static_cast<double>(one.changing->macs());
    for (const nn::change_based_layer& layer : one.changing->layers()) {
      if (layer.dense_macs == 0) continue;
      positions += static_cast<double>(layer.positions);
      recomputed += static_cast<double>(layer.last.recomputed_outputs);
    }
  }
  const double frames = static_cast<double>(film.size());
  if (one.changing) one.recomputed = recomputed / positions;
  one.macs =
      one.changing ? macs / frames : static_cast<double>(video_network(*one.dense).dense_macs());
  one.largest_error /= largest;
  one.accuracy = right / static_cast<double>(film.labels.size());
  one.iou = either > 0 ? both / either : 1;
}

/// Every frame by all in turns, a few times over; of each frame the fastest time counts.
void time(std::vector<contender>& all, const video& film, Index rounds) {
  using clock = std::chrono::steady_clock;
  const prunus::denormal_guard guard;
  const auto frames = static_cast<std::size_t>(film.size());
  std::vector<std::vector<double>> fastest(all.size(), std::vector<double>(frames, 1e9));
  progress_bar bar("measuring", rounds * film.size(), {.line_every = 0.5});
  for (Index round = 0; round < rounds; ++round) {
    for (contender& one : all)
      if (one.changing) one.changing->reset();
    for (std::size_t n = 0; n < frames; ++n) {
      for (std::size_t turn = 0; turn < all.size(); ++turn) {
        const std::size_t i = (turn + n + static_cast<std::size_t>(round)) % all.size();
        const auto start = clock::now();
        static_cast<void>(all[i].forward(film.frame(static_cast<std::ptrdiff_t>(n))));
        const double seconds = std::chrono::duration<double>(clock::now() - start).count();
        fastest[i][n] = std::min(fastest[i][n], seconds);
      }
      bar.update(round * film.size() + static_cast<Index>(n) + 1);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    double sum = 0;
    for (const double seconds : fastest[i]) sum += seconds;
    all[i].milliseconds = 1e3 * sum / static_cast<double>(frames);
  }
}

rgb blended(std::span<const float> frame, std::size_t at, rgb colour, double share) {
  const std::size_t plane = frame.size() / 3;
  const auto part = [&](std::size_t c, std::uint8_t other) {
    return static_cast<std::uint8_t>(
        std::lround((1 - share) * 255 * static_cast<double>(frame[c * plane + at]) +
                    share * static_cast<double>(other)));
  };
  return {part(0, colour.red), part(1, colour.green), part(2, colour.blue)};
}

/// A row a frame: the frame, where how many of the convolutions computed (the more, the redder),
/// what the dense network finds, and what the change-based one finds.
void write_frames(video_network& changing, network& twin, const video& film,
                  const std::string& path) {
  constexpr std::ptrdiff_t scale = 3, gap = 8, columns = 4, rows = 5;
  constexpr rgb orange{230, 159, 0}, black{0, 0, 0};
  constexpr rgb heat[] = {{16, 24, 40}, {86, 140, 180}, {230, 180, 60}, {213, 60, 20}};
  const std::ptrdiff_t step_x = scale * film.width + gap, step_y = scale * film.height + gap;
  bitmap picture(gap + columns * step_x, gap + rows * step_y);
  changing.reset();
  std::ptrdiff_t row = 0;
  for (std::ptrdiff_t n = 0; n < film.size() && row < rows; ++n) {
    const auto frame = film.frame(n);
    const std::span<const float> found = changing.forward(frame);
    if (n != std::max<std::ptrdiff_t>((row + 1) * film.size() / rows - 1, row)) continue;
    const auto y = twin.forward(frame, 1, nn::mode::inference);
    const std::span<const float> dense(y.data(), static_cast<std::size_t>(y.size()));
    for (std::ptrdiff_t at = 0; at < film.pixels(); ++at) {
      const auto pixel = static_cast<std::size_t>(at);
      const std::ptrdiff_t down = at / film.width, right = at % film.width;
      const auto place = static_cast<std::size_t>(down / 4 * (film.width / 4) + right / 4);
      const auto half = static_cast<std::size_t>(down / 2 * (film.width / 2) + right / 2);
      const int worked = (changing.recomputed("conv1")[pixel] != 0) +
                         (changing.recomputed("conv2")[half] != 0) +
                         (changing.recomputed("conv3")[place] != 0);
      const rgb colours[] = {blended(frame, pixel, black, 0), heat[worked],
                             blended(frame, pixel, is_object(dense, place) ? orange : black, 0.6),
                             blended(frame, pixel, is_object(found, place) ? orange : black, 0.6)};
      for (std::ptrdiff_t column = 0; column < columns; ++column)
        picture.fill(gap + column * step_x + scale * right, gap + row * step_y + scale * down,
                     scale, colours[column]);
    }
    ++row;
  }
  write_png(picture, path);
}

/// The table on the screen and in a file, and the curves over the threshold.
void report(const std::vector<contender>& all, const std::filesystem::path& folder) {
  const contender &whole = all[0], &pruned = all[1];
  csv_table table({"run", "threshold", "recomputed_outputs", "macs", "macs_of_pruned",
                   "macs_of_unpruned", "milliseconds", "time_of_pruned", "time_of_unpruned",
                   "largest_error", "accuracy", "iou"});
  std::printf("\n%-17s %9s %8s %8s %9s %8s %9s %9s %9s %8s\n", "", "outputs", "MACs of", "MACs of",
              "ms a", "time of", "time of", "largest", "places", "IoU of");
  std::printf("%-17s %9s %8s %8s %9s %8s %9s %9s %9s %8s\n", "", "computed", "pruned", "unpruned",
              "frame", "pruned", "unpruned", "error", "right", "objects");
  curve macs{.label = "multiply-adds"}, time{.label = "time"},
      iou{.label = "IoU of the objects", .on_right_axis = true};
  for (const contender& c : all) {
    table.add(c.name, c.threshold, c.recomputed, c.macs, c.macs / pruned.macs, c.macs / whole.macs,
              c.milliseconds, c.milliseconds / pruned.milliseconds,
              c.milliseconds / whole.milliseconds, c.largest_error, c.accuracy, c.iou);
    std::printf("%-17s %7.1f %% %6.1f %% %6.1f %% %9.4f %8.2f %9.2f %9.1e %7.2f %% %6.2f %%\n",
                c.name.c_str(), 100 * c.recomputed, 100 * c.macs / pruned.macs,
                100 * c.macs / whole.macs, c.milliseconds, c.milliseconds / pruned.milliseconds,
                c.milliseconds / whole.milliseconds, c.largest_error, 100 * c.accuracy,
                100 * c.iou);
    if (!(c.threshold >= 0)) continue;
    for (curve* one : {&macs, &time, &iou}) one->x.push_back(c.threshold);
    macs.y.push_back(100 * c.macs / pruned.macs);
    time.y.push_back(100 * c.milliseconds / pruned.milliseconds);
    iou.y.push_back(100 * c.iou);
  }
  const auto path = [&](const char* file) { return (folder / file).string(); };
  table.write(path("surveillance.csv"));
  const plot_result drawn = draw({.title = "Only what changed since the frame before",
                                  .x_label = "threshold of change, all convolutions alike",
                                  .y_label = "of the dense pruned network, %",
                                  .right_label = "IoU of the objects, %",
                                  .curves = {macs, time, iou},
                                  .right_range = axis_range{0, 100}},
                                 path("surveillance.svg"));
  std::printf(
      "\n%s, %s (frame, where it computed, dense, change-based)%s\n",
      path("surveillance.csv").c_str(), path("surveillance.png").c_str(),
      drawn.drawn ? (", " + path("surveillance.svg")).c_str() : ("; " + drawn.message).c_str());
}

int execute(const options& chosen) {
  const std::filesystem::path folder = output_folder(chosen.output);
  const video lessons = film_surveillances(chosen.train_films, 8, chosen.seed, chosen.scene, 10);
  const video clips = film_surveillances(chosen.clips, clip_length, chosen.seed + 1, chosen.scene);
  const video test = film_surveillance(chosen.test_frames, chosen.seed + 2, chosen.scene);

  network whole(detector(chosen.scene), {.seed = chosen.seed, .threads = chosen.threads});
  train("training", whole, lessons, chosen.epochs, chosen);
  const auto for_measuring = [](const network& net) {
    return std::make_shared<network>(net.graph(), net.tensors());
  };
  std::vector<contender> all{{.name = "dense", .dense = for_measuring(whole)}};
  const std::unique_ptr<network> smaller = without_filters(whole, chosen);
  train("fine-tuning", *smaller, lessons, chosen.tuning_epochs, chosen);
  const std::shared_ptr<network> twin = for_measuring(*smaller);
  all.push_back({.name = "pruned", .dense = twin});

  const auto add = [&](const std::string& name, double threshold) {
    all.push_back({.name = name, .threshold = threshold});
    all.back().changing = std::make_shared<video_network>(*twin);
    if (threshold > 0) all.back().changing->set_thresholds(threshold);
    return all.back().changing;
  };
  add("threshold 0", 0);
  for (const double threshold : chosen.thresholds) add(joined("threshold ", threshold), threshold);
  const auto calibrated = add("calibrated", std::numeric_limits<double>::quiet_NaN());
  const auto found = nn::calibrate_thresholds(
      *calibrated, [&](video_network& net) { return loss_of_clips(net, clips); });

  for (contender& one : all) judge(one, one.name == "dense" ? *one.dense : *twin, test);
  if (!(all[2].largest_error < 1e-4))
    throw std::runtime_error(
        joined("with a threshold of 0 the outputs differ by ", all[2].largest_error,
               " of the largest from those of the dense network, which must not be"));
  time(all, test, chosen.rounds);
  report(all, folder);
  std::printf("calibrated thresholds:");
  for (const nn::calibrated_threshold& one : found)
    std::printf("  %s %.4f", one.name.c_str(), one.threshold);
  std::printf("\n");
  write_frames(*calibrated, *twin, test, (folder / "surveillance.png").string());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Computes only what changed in the video of a fixed camera, with a pruned network.");
  app.add_option("--thresholds", chosen.thresholds,
                 "of change, for all convolutions alike; 0 and calibrated ones are added")
      ->check(CLI::NonNegativeNumber)
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--sparsity", chosen.sparsity, "share of the filters of each layer to remove")
      ->check(CLI::Range(0.0, 0.95))
      ->capture_default_str();
  app.add_option("--objects", chosen.scene.objects, "that move")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--noise", chosen.scene.noise, "deviation of the sensor, of a range of 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--drift", chosen.scene.drift, "by how much the light grows and fades")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--height", chosen.scene.height, "of a frame, a multiple of 4")
      ->check(CLI::Range(8, 2048))
      ->capture_default_str();
  app.add_option("--width", chosen.scene.width, "of a frame, a multiple of 4")
      ->check(CLI::Range(8, 2048))
      ->capture_default_str();
  app.add_option("--train-films", chosen.train_films, "of eight frames")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--test-frames", chosen.test_frames)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--clips", chosen.clips, "of five frames, for calibration")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning_epochs, "after filters were removed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", chosen.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--learning-rate", chosen.learning_rate)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", chosen.rounds, "of measuring; the fastest time of a frame counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", chosen.threads, "of training; one measures")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", chosen.seed)->capture_default_str();
  app.add_option("--output", chosen.output, "folder for the table and the pictures")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return execute(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "11_surveillance_video: %s\n", problem.what());
    return 1;
  }
}
