// SPDX-License-Identifier: MIT
// Segments corroded metal with a small encoder-decoder, then removes filters by their Taylor scores
// in five events over the first third of a second training, along a straight and a cubic ramp, and
// proves the compacted networks equal. Needs no data: it draws its own images.
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/taylor.hpp>
#include <prunus/measure.hpp>
#include <prunus/nn.hpp>
#include <prunus/nn/architectures/unet.hpp>
#include <prunus/observe/taylor_statistics.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/corrosion.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/png.hpp>
#include <examples/support/progress_bar.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;
using prunus::Index;
using network = prunus::nn::network<float>;

struct options {
  std::string criterion = "taylor", ramps = "both", output = "prunus-segmentation";
  double sparsity = 0.5, learning_rate = 0.004;
  Index epochs = 8, pruning_epochs = 9, events = 5, batch = 8, threads = 2;
  int side = 32;
  std::ptrdiff_t train = 320, test = 100;
  std::uint64_t seed = 1;
};

/// The class of every pixel of every image.
std::vector<int> predict(network& net, const segmentation_set& set) {
  std::vector<int> result;
  for (std::ptrdiff_t n = 0; n < set.size(); ++n) {
    const auto out = net.forward(set.image(n), 1, prunus::nn::mode::inference);
    for (std::ptrdiff_t p = 0; p < set.pixels(); ++p) {
      int best = 0;
      for (int k = 1; k < set.classes; ++k)
        if (out(0, k * set.pixels() + p) > out(0, best * set.pixels() + p)) best = k;
      result.push_back(best);
    }
  }
  return result;
}

overlap measure(network& net, const segmentation_set& set) {
  return measure_overlap(predict(net, set), set.labels, set.pixels(),
                         static_cast<int>(set.classes));
}

/// One network with its way of being pruned, and what is known of it after every epoch.
class run {
 public:
  struct record {
    Index epoch;
    double loss, iou, sparsity;
  };

  run(std::string name, const prunus::graph& graph, const options& chosen,
      const segmentation_set& train, const segmentation_set& test)
      : name_(std::move(name)),
        chosen_(&chosen),
        test_(&test),
        batches_(train.images, train.labels,
                 {.batch = chosen.batch, .seed = chosen.seed, .positions = train.pixels()}),
        net_(graph, {.seed = chosen.seed, .threads = chosen.threads}) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] network& net() noexcept { return net_; }
  [[nodiscard]] const std::vector<record>& history() const noexcept { return history_; }
  void start_from(run& other) {
    for (const auto& tensor : other.net_.tensors()) net_.assign(tensor.name, tensor.view());
    history_ = other.history_;
  }
  /// Filters are removed in `events` events over the first third of `epochs`.
  void prune_along(bool straight, Index epochs) {
    const prunus::model<float>& model = net_.model();
    products_.emplace(model, prunus::filter);
    scheduler_.emplace(model);
    const Index window = std::max<Index>(epochs * batches_.count() / 3 / chosen_->events, 1);
    const auto with = [&](auto criterion) {
      const prunus::pass pass{criterion, prunus::filter};
      const Index end = chosen_->events * window;
      if (straight)
        scheduler_->add(
            prunus::linear_ramp{.final_sparsity = chosen_->sparsity, .end = end, .every = window},
            pass);
      else
        scheduler_->add(
            prunus::cubic_ramp{.final_sparsity = chosen_->sparsity, .end = end, .every = window},
            pass);
    };
    chosen_->criterion == "taylor" ? with(prunus::taylor{*products_}) : with(prunus::l1_norm{});
  }
  /// Trains with adam and a cosine learning rate; prunes if told so.
  void train(Index epochs) {
    prunus::nn::optimizer optimize(net_, prunus::nn::adam{});
    const Index steps = epochs * batches_.count();
    const prunus::nn::cosine_decay rate{chosen_->learning_rate, steps, steps / 20};
    progress_bar bar(name_, steps, {.line_every = 0.5});
    const Index first = history_.empty() ? 0 : history_.back().epoch;
    double loss = 0;
    for (Index step = 0; step < steps; ++step) {
      const Index epoch = step / batches_.count();
      const auto batch =
          batches_(static_cast<std::uint64_t>(first + epoch), step % batches_.count());
      const auto result = prunus::nn::train_step<float>(net_, optimize, batch.images, batch.labels,
                                                        rate(step), [&] {
                                                          if (!scheduler_) return;
                                                          products_->add(net_.model());
                                                          scheduler_->mask_gradients();
                                                        });
      loss += result.loss / static_cast<double>(batches_.count());
      if (scheduler_) {
        if (scheduler_->step({.step = step + 1}).pruned()) products_->reset();
        scheduler_->mask_optimizer_state();
      }
      if ((step + 1) % batches_.count() == 0) {
        history_.push_back({first + epoch + 1, loss, measure(net_, *test_).per_image,
                            scheduler_ ? scheduler_->sparsity() : 0});
        loss = 0;
      }
      bar.update(step + 1, "loss " + std::to_string(result.loss).substr(0, 5));
    }
    if (scheduler_) std::fputs(scheduler_->finish().message().c_str(), stderr);
  }

 private:
  std::string name_;
  const options* chosen_;
  const segmentation_set* test_;
  prunus::nn::minibatches<float> batches_;
  network net_;
  std::optional<prunus::taylor_statistics> products_;
  std::optional<prunus::scheduler<float>> scheduler_;
  std::vector<record> history_;
};

/// Compacts a pruned network, proves it equal and times it.
void compact_and_compare(run& pruned, const segmentation_set& test) {
  network& masked = pruned.net();
  const prunus::plan plan = prunus::plan_removal(masked.graph(), masked.model());
  const prunus::graph smaller = prunus::compact(masked.graph(), plan);
  const auto tensors = prunus::compact(masked.model(), plan);
  network compacted(smaller, tensors);
  double difference = 0, largest = 1e-30;
  for (std::ptrdiff_t n = 0; n < test.size(); ++n) {
    const Eigen::MatrixXf a = masked.forward(test.image(n), 1, prunus::nn::mode::inference);
    const Eigen::MatrixXf b = compacted.forward(test.image(n), 1, prunus::nn::mode::inference);
    largest = std::max(largest, static_cast<double>(a.cwiseAbs().maxCoeff()));
    difference = std::max(difference, static_cast<double>((a - b).cwiseAbs().maxCoeff()));
  }
  if (difference > 1e-4 * largest || prunus::cost_of(compacted.resolved()) != plan.after)
    throw std::runtime_error(pruned.name() +
                             ": masked and compacted network differ, which must not be");
  network dense(masked.graph(), masked.tensors());
  const auto forward = [&](network& net) {
    return [&] { return net.forward(test.image(0), 1, prunus::nn::mode::inference)(0, 0); };
  };
  const auto time = prunus::compare_latencies({}, forward(dense), forward(compacted)).front();
  std::printf(
      "%-8s %zu filters removed, %.2f -> %.2f M MACs, %.1f -> %.1f k parameters, "
      "%.3f -> %.3f ms an image on 1 thread; outputs differ by %.1e of the largest\n",
      pruned.name().c_str(), plan.removed.size(), static_cast<double>(plan.before.macs) / 1e6,
      static_cast<double>(plan.after.macs) / 1e6, static_cast<double>(plan.before.parameters) / 1e3,
      static_cast<double>(plan.after.parameters) / 1e3, 1e3 * time.baseline.median,
      1e3 * time.candidate.median, difference / largest);
}

/// A row an image: what the network sees, the truth, and what each network says.
void write_pictures(const std::vector<run*>& runs, const segmentation_set& test,
                    const std::string& path) {
  constexpr std::ptrdiff_t scale = 4, gap = 8;
  const std::ptrdiff_t rows = std::min<std::ptrdiff_t>(6, test.size());
  const std::ptrdiff_t columns = 2 + static_cast<std::ptrdiff_t>(runs.size());
  const std::ptrdiff_t step = scale * test.width + gap;
  bitmap picture(gap + columns * step, gap + rows * step);
  const auto paint = [&](std::ptrdiff_t row, std::ptrdiff_t column, const auto& colour_of) {
    for (std::ptrdiff_t p = 0; p < test.pixels(); ++p)
      picture.fill(gap + column * step + scale * (p % test.width),
                   gap + row * step + scale * (p / test.width), scale, colour_of(p));
  };
  for (std::ptrdiff_t column = 0; column < columns; ++column) {
    const std::vector<int> labels =
        column < 2 ? test.labels : predict(runs[static_cast<std::size_t>(column - 2)]->net(), test);
    for (std::ptrdiff_t row = 0; row < rows; ++row) {
      const auto image = test.image(row);
      const auto level = [&](std::ptrdiff_t c, std::ptrdiff_t p) {
        return static_cast<std::uint8_t>(
            std::lround(255 * image[static_cast<std::size_t>(c * test.pixels() + p)]));
      };
      if (column == 0)
        paint(row, column, [&](std::ptrdiff_t p) {
          return rgb{level(0, p), level(1, p), level(2, p)};
        });
      else
        paint(row, column, [&](std::ptrdiff_t p) {
          const int label = labels[static_cast<std::size_t>(row * test.pixels() + p)];
          return corrosion::colours[static_cast<std::size_t>(label)];
        });
    }
  }
  write_png(picture, path);
}

int execute(const options& chosen) {
  const std::filesystem::path folder = output_folder(chosen.output);
  const segmentation_set train = corrosion::draw_set(chosen.train, chosen.side, chosen.seed);
  const segmentation_set test = corrosion::draw_set(chosen.test, chosen.side, chosen.seed + 1);
  const prunus::graph graph =
      prunus::nn::unet({train.channels, train.height, train.width}, train.classes);
  std::printf(
      "encoder-decoder on drawn corrosion: %td training and %td test images of %d x %d, "
      "%.2f M MACs\n",
      train.size(), test.size(), chosen.side, chosen.side,
      static_cast<double>(prunus::cost_of(prunus::resolve(graph)).macs) / 1e6);

  run dense("dense", graph, chosen, train, test), straight("linear", graph, chosen, train, test),
      curved("cubic", graph, chosen, train, test);
  std::vector<run*> pruned;
  if (chosen.ramps != "cubic") pruned.push_back(&straight);
  if (chosen.ramps != "linear") pruned.push_back(&curved);
  dense.train(chosen.epochs);
  for (run* r : pruned) {
    r->start_from(dense);
    r->prune_along(r == &straight, chosen.pruning_epochs);
    r->train(chosen.pruning_epochs);
  }
  dense.train(chosen.pruning_epochs);  // the twin has the same number of epochs

  std::printf("\n%-8s %12s %12s %12s\n", "", "image IoU", "class IoU", "pixels");
  std::vector<run*> all{&dense};
  all.insert(all.end(), pruned.begin(), pruned.end());
  csv_table table({"run", "epoch", "training_loss", "image_iou", "sparsity"});
  figure picture{.title = "Filters removed while a segmentation network trains on",
                 .x_label = "epoch",
                 .y_label = "IoU of an image, %",
                 .right_label = "weights removed, %",
                 .right_range = axis_range{0, 100}};
  for (run* r : all) {
    const overlap o = measure(r->net(), test);
    std::printf("%-8s %10.2f %% %10.2f %% %10.2f %%\n", r->name().c_str(), 100 * o.per_image,
                100 * o.per_class, 100 * o.pixels);
    curve iou{.label = r->name()},
        sparsity{.label = r->name() + ", removed", .on_right_axis = true};
    for (const run::record& e : r->history()) {
      table.add(r->name(), e.epoch, e.loss, e.iou, e.sparsity);
      for (curve* c : {&iou, &sparsity}) c->x.push_back(static_cast<double>(e.epoch));
      iou.y.push_back(100 * e.iou);
      sparsity.y.push_back(100 * e.sparsity);
    }
    picture.curves.push_back(iou);
    if (r != &dense) picture.curves.push_back(sparsity);
  }
  std::printf("\n");
  for (run* r : pruned) compact_and_compare(*r, test);

  const auto path = [&](const char* file) { return (folder / file).string(); };
  table.write(path("segmentation.csv"));
  write_pictures(all, test, path("segmentation.png"));
  const plot_result drawn = draw(picture, path("segmentation.svg"));
  std::printf(
      "\n%s, %s (input, truth, %s)%s\n", path("segmentation.csv").c_str(),
      path("segmentation.png").c_str(),
      pruned.size() == 2 ? "dense, linear, cubic" : "dense, pruned",
      drawn.drawn ? (", " + path("segmentation.svg")).c_str() : ("; " + drawn.message).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Prunes filters of a segmentation network while it trains on drawn corrosion.");
  app.add_option("--criterion", chosen.criterion, "what makes a filter important")
      ->check(CLI::IsMember({"taylor", "l1_norm"}))
      ->capture_default_str();
  app.add_option("--ramp", chosen.ramps, "linear, cubic, or both")
      ->check(CLI::IsMember({"linear", "cubic", "both"}))
      ->capture_default_str();
  app.add_option("--sparsity", chosen.sparsity, "share of the filters of each layer to remove")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  app.add_option("--events", chosen.events, "in the first third of the pruning epochs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of the dense training before")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--pruning-epochs", chosen.pruning_epochs, "of the training that prunes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", chosen.batch)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--learning-rate", chosen.learning_rate)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--side", chosen.side, "pixels of an image, a multiple of 4")
      ->check(CLI::Range(8, 512))
      ->capture_default_str();
  app.add_option("--train-images", chosen.train)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--test-images", chosen.test)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", chosen.seed)->capture_default_str();
  app.add_option("--threads", chosen.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--output", chosen.output, "folder for the tables and the pictures")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return execute(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "03_prune_segmentation: %s\n", problem.what());
    return 1;
  }
}
