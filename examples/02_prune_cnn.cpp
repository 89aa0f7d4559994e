// SPDX-License-Identifier: MIT
// Trains a small CNN, prunes it in one to three ways, makes it physically smaller, proves it equal
// to its mask, and times it. Needs no data: it draws its own digits.
#include <CLI/CLI.hpp>
#include <examples/support/comparison.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/networks.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/pruning_run.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;

struct options {
  std::string method = "all";
  std::string network = "lenet";
  std::string data, save, resume;
  std::string output = "prunus-demo";
  std::ptrdiff_t train_images = data_limit::all, test_images = data_limit::all;
  pruning_choice pruning{};
  run_settings recipe{};
  Index epochs = 0;  // of the dense phase; 0: the default of the data
};

/// Trains until so many epochs are done, with a bar for each, and saves after each if asked to.
void train(pruning_run& run, const std::string& name, Index epochs, const std::string& save) {
  while (run.epochs_done() < epochs) {
    const std::string label = name + " " + std::to_string(run.epochs_done() + 1) + "/" +
                              std::to_string(run.settings().epochs());
    progress_bar bar(label, run.steps_in_epoch(), {.line_every = 1});
    run.run_epoch([&](Index step, double loss) {
      if (step < run.steps_in_epoch())
        bar.update(step, "loss " + std::to_string(loss).substr(0, 5));
    });
    const epoch_record& now = run.history().back();
    char status[80];
    std::snprintf(status, sizeof status, "accuracy %.2f %%, MACs removed %.1f %%",
                  100 * now.accuracy, 100 * now.macs_removed);
    bar.finish(status);
    if (!save.empty()) run.save(save);
  }
}

struct finished_run {
  std::string name;
  std::vector<epoch_record> history;
};

void report(const std::string& name, const comparison& c) {
  std::printf("\n== %s ==\n%s\n", name.c_str(), prunus::to_text(c.report).c_str());
  std::printf(
      "masked and compacted outputs differ by %.1e of the largest; accuracy %.2f %% and %.2f %%\n",
      c.largest_difference, 100 * c.masked_accuracy, 100 * c.compacted_accuracy);
  std::printf("%zu channels removed, %ld of %ld parameters; the first of them:\n",
              c.plan.removed.size(),
              static_cast<long>(c.plan.before.parameters - c.plan.after.parameters),
              static_cast<long>(c.plan.before.parameters));
  for (std::size_t i = 0; i < std::min<std::size_t>(3, c.plan.removed.size()); ++i)
    std::printf("  %s\n", c.plan.removed[i].sentence.c_str());
}

/// The curves as a table and as a picture.
void write_curves(const std::vector<finished_run>& runs, const std::filesystem::path& folder) {
  csv_table table(
      {"method", "epoch", "training_loss", "test_accuracy", "macs_removed", "sparsity"});
  figure picture{.title = "Accuracy and pruning over time",
                 .x_label = "epoch",
                 .y_label = "test accuracy, %",
                 .right_label = "MACs removed, %",
                 .right_range = axis_range{0, 100}};
  for (const finished_run& run : runs) {
    curve accuracy{.label = run.name};
    curve removed{.label = run.name + ", MACs removed", .on_right_axis = true};
    for (const epoch_record& r : run.history) {
      table.add(run.name, r.epoch, r.training_loss, r.accuracy, r.macs_removed, r.sparsity);
      accuracy.x.push_back(static_cast<double>(r.epoch));
      accuracy.y.push_back(100 * r.accuracy);
      removed.x.push_back(static_cast<double>(r.epoch));
      removed.y.push_back(100 * r.macs_removed);
    }
    picture.curves.push_back(accuracy);
    if (run.name != "dense") picture.curves.push_back(removed);
  }
  const std::string csv = (folder / "pruning.csv").string(),
                    svg = (folder / "pruning.svg").string();
  table.write(csv);
  const plot_result drawn = draw(picture, svg);
  std::printf("\n%s%s\n", csv.c_str(),
              drawn.drawn ? (", " + svg).c_str() : ("; " + drawn.message).c_str());
}

int run(options& chosen) {
  const std::filesystem::path folder = output_folder(chosen.output);

  const std::string directory = data_directory(chosen.data);
  data_split data =
      load_or_draw(directory, {.train = chosen.train_images, .test = chosen.test_images});
  const channel_statistics statistics = measure_channels(data.train);
  normalise(data.train, statistics);
  normalise(data.test, statistics);
  if (chosen.epochs > 0) chosen.recipe.dense_epochs = chosen.epochs;
  if (chosen.epochs > 0) chosen.recipe.tuning_epochs = std::max<Index>(chosen.epochs / 2, 1);

  const prunus::graph graph = make_network(chosen.network, data.train);
  const prunus::cost cost = prunus::cost_of(prunus::resolve(graph));
  std::printf("%s on %s: %td training and %td test images, %.2f M MACs, %.1f k parameters\n",
              chosen.network.c_str(), data.train.name.c_str(), data.train.size(), data.test.size(),
              static_cast<double>(cost.macs) / 1e6, static_cast<double>(cost.parameters) / 1e3);

  std::vector<finished_run> finished;
  const auto finish = [&](pruning_run& run, const std::string& name,
                          std::optional<double> dense_accuracy) {
    std::fputs(run.finish().message().c_str(), stderr);  // where training was too short to prune
    finished.push_back({name, run.history()});
    const comparison result = compare_with_compacted(run.network(), data.test, dense_accuracy);
    report(name, result);
    if (!result.proven())
      throw std::runtime_error(name + ": masked and compacted network differ, which must not be");
  };
  const auto settings_for = [&](pruning_method method) {
    run_settings settings = chosen.recipe;
    settings.pruning = chosen.pruning;
    settings.pruning->method = method;
    return settings;
  };

  if (chosen.method != "all") {
    pruning_run run(graph, data, settings_for(pruning_methods().at(chosen.method)));
    if (!chosen.resume.empty()) run.resume(chosen.resume);
    train(run, chosen.method, run.settings().epochs(), chosen.save);
    finish(run, chosen.method, std::nullopt);
  } else {
    pruning_run dense(graph, data, chosen.recipe);  // the twin that is never pruned
    train(dense, "dense", chosen.recipe.dense_epochs, "");
    const pruning_run::dense_phase start = dense.trained();
    train(dense, "dense", chosen.recipe.epochs(), "");
    const double dense_accuracy = dense.history().back().accuracy;
    finished.push_back({"dense", dense.history()});
    for (const auto& [name, method] : pruning_methods()) {
      pruning_run run(graph, data, settings_for(method));
      if (method != pruning_method::during) run.start_from(start);
      train(run, name, chosen.recipe.epochs(), "");
      finish(run, name, dense_accuracy);
    }
  }
  write_curves(finished, folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app(
      "Trains a small CNN, prunes it, makes it smaller, proves it equal to its mask, and times "
      "it.");
  std::vector<std::string> tiles;
  for (const auto& [name, tile] : pruning_tiles()) tiles.push_back(name);
  app.add_option("--method", chosen.method,
                 "one-shot, iterative, during, or all of them beside the dense twin")
      ->check(CLI::IsMember({"one-shot", "iterative", "during", "all"}))
      ->capture_default_str();
  app.add_option("--network", chosen.network, "lenet, cnn, vgg or resnet")
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str();
  app.add_option("--criterion", chosen.pruning.criterion, "what makes a tile important")
      ->check(CLI::IsMember({"l1_norm", "l2_norm", "linf_norm", "random"}))
      ->capture_default_str();
  app.add_option("--tile", chosen.pruning.tile, "what lives or dies together")
      ->check(CLI::IsMember(tiles))
      ->capture_default_str();
  app.add_option("--sparsity", chosen.pruning.sparsity,
                 "share to remove: of the MACs for filters, else of the tiles")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  app.add_option("--multiple-of", chosen.pruning.multiple_of,
                 "filters kept in a layer are a multiple of this")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "epochs before fine-tuning, which takes half as many")
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", chosen.recipe.batch, "images in a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", chosen.recipe.learning_rate)
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
      ->check(CLI::PositiveNumber);
  app.add_option("--test-images", chosen.test_images, "use that many at most")
      ->check(CLI::PositiveNumber);
  auto* save =
      app.add_option("--save", chosen.save, "file to keep the run in, written after every epoch");
  auto* resume =
      app.add_option("--resume", chosen.resume, "file of a run to go on with, same options");
  app.add_option("--output", chosen.output, "folder for the table and the picture")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (chosen.method == "all" && (*save || *resume))
      throw prunus::argument_error(
          prunus::errc::unsupported,
          "--save and --resume keep one run; name it with --method one-shot, iterative or during");
    chosen.pruning.seed = chosen.recipe.seed;
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "02_prune_cnn: %s\n", problem.what());
    return 1;
  }
}
