// SPDX-License-Identifier: MIT
// Trains a small CNN, then asks of every layer how much of it can go: weights and filters from 0 to
// 99 per cent, without retraining. Needs no data: it draws its own digits.
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/measure/sensitivity.hpp>
#include <prunus/pruning/pass.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/pruning_run.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;

struct options {
  std::string network = "lenet";
  std::string data;
  std::string output = "prunus-sensitivity";
  std::ptrdiff_t train_images = 4000, test_images = 500;
  double tolerance = 0.02;
  run_settings recipe{.dense_epochs = 3, .tuning_epochs = 0, .batch = 64, .weight_decay = 1e-4};
};

void train(pruning_run& run) {
  progress_bar bar("training", run.settings().epochs() * run.steps_in_epoch());
  while (run.epochs_done() < run.settings().epochs()) {
    const Index before = run.epochs_done() * run.steps_in_epoch();
    run.run_epoch([&](Index step, double loss) {
      bar.update(before + step, "loss " + std::to_string(loss).substr(0, 5));
    });
  }
}

/// What of `tile` can go in every layer, and in all layers together.
prunus::sensitivity_report sweep(pruning_run& run, const std::string& label,
                                 const prunus::tile& tile) {
  const prunus::model<float>& net = run.network().model();
  const prunus::pass ranking{prunus::l2_norm{}, tile, prunus::uniform{prunus::rounding::down}};
  const prunus::sensitivity_options grid;
  progress_bar bar(
      label, static_cast<long long>((ranking.prepare(net).targets.size() + 1) * grid.grid.size()));
  return prunus::sensitivity(
      net, ranking, [&] { return run.accuracy(); }, grid,
      [&](Index done, Index) { bar.update(done); });
}

void print(const prunus::sensitivity_report& report, const std::string& what, double tolerance) {
  std::printf("\n%s that can go, with at most %.1f points of accuracy lost\n", what.c_str(),
              100 * tolerance);
  for (const prunus::sensitivity_curve& c : report.curves)
    std::printf("  %-16s %3.0f %%\n", c.name == "all" ? "all layers" : c.name.c_str(),
                100 * c.largest_within(tolerance));
}

/// The curves as a table and as a picture.
void write(const prunus::sensitivity_report& report, const std::string& what,
           const std::filesystem::path& folder) {
  const std::string csv = (folder / (what + ".csv")).string(),
                    svg = (folder / (what + ".svg")).string();
  write_file(csv, to_csv(report));
  figure picture{.title = "How much a layer can lose: " + what,
                 .x_label = what + " removed, %",
                 .y_label = "accuracy, %",
                 .y_range = axis_range{0, 100}};
  for (const prunus::sensitivity_curve& c : report.curves) {
    curve line{.label = c.name == "all" ? "all layers" : c.name};
    for (const prunus::sensitivity_point& p : c.points) {
      line.x.push_back(100 * p.sparsity);
      line.y.push_back(100 * p.quality);
    }
    picture.curves.push_back(line);
  }
  const plot_result drawn = draw(picture, svg);
  std::printf("%s%s\n", csv.c_str(),
              drawn.drawn ? (", " + svg).c_str() : ("; " + drawn.message).c_str());
}

int run(const options& chosen) {
  // What would fail at the end must fail now.
  const std::filesystem::path folder = output_folder(chosen.output);

  data_split data = load_or_draw(data_directory(chosen.data),
                                 {.train = chosen.train_images, .test = chosen.test_images});
  const channel_statistics statistics = measure_channels(data.train);
  normalise(data.train, statistics);
  normalise(data.test, statistics);
  pruning_run trained(make_network(chosen.network, data.train), data, chosen.recipe);
  train(trained);
  std::printf("%s on %s: accuracy %.2f %% on %td test images\n", chosen.network.c_str(),
              data.train.name.c_str(), 100 * trained.accuracy(), data.test.size());

  const prunus::sensitivity_report weights = sweep(trained, "weights", prunus::element);
  const prunus::sensitivity_report filters = sweep(trained, "filters", prunus::filter);
  print(weights, "weights", chosen.tolerance);
  print(filters, "filters", chosen.tolerance);
  std::printf("\n");
  write(weights, "weights", folder);
  write(filters, "filters", folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Trains a small CNN and sweeps how much of each layer can go without retraining.");
  app.add_option("--network", chosen.network, "lenet, cnn, vgg or resnet")
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str();
  app.add_option("--tolerance", chosen.tolerance, "accuracy that may be lost, as a fraction")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--epochs", chosen.recipe.dense_epochs)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", chosen.recipe.seed)->capture_default_str();
  app.add_option("--threads", chosen.recipe.threads)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option(
      "--data", chosen.data,
      "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits drawn here");
  app.add_option("--train-images", chosen.train_images, "use that many at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--test-images", chosen.test_images, "use that many at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--output", chosen.output, "folder for the tables and the pictures")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "05_sensitivity: %s\n", problem.what());
    return 1;
  }
}
