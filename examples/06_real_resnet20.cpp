// SPDX-License-Identifier: MIT
// Reads ResNet-20s that others trained on CIFAR-10, checks their accuracy, and takes out of one of
// them the channels that its training zeroed; what another tool made of the same network stands
// beside it, tensor by tensor. Needs the data; without them it shows the same on a small network
// that it makes itself.
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/write_file.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/io/safetensors.hpp>
#include <prunus/nn.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/comparison.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/progress_bar.hpp>
#include <examples/support/trained_network.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace prunus_examples;
using prunus::Index;
using tensors = prunus::named_tensors<float>;

struct options {
  std::string data;
  std::string output = "prunus-resnet20";
  std::ptrdiff_t test_images = data_limit::all;
  Index threads = 2;
  bool list_tensors = false;
};

/// Networks of the collection, those for the removal last.
constexpr std::array<const char*, 6> files{"jackwillturner_lenet5_cifar10",
                                           "akamaster_resnet20",
                                           "distiller_resnet20_dense",
                                           "distiller_resnet20_channel_regularized_finetuned",
                                           "distiller_resnet20_channel_regularized",
                                           "distiller_resnet20_ch_regularized_dense"};

/// Where the images and the networks lie; the folder may also be that of the images alone.
struct places {
  std::filesystem::path images, networks;
};
std::optional<places> find_places(const std::filesystem::path& folder) {
  for (const std::filesystem::path& root : {folder, folder / ".."}) {
    std::error_code ignored;
    const places found{root / "cifar10", root / "models_cifar10"};
    if (std::filesystem::is_directory(found.images, ignored) &&
        std::filesystem::is_directory(found.networks, ignored))
      return found;
  }
  return std::nullopt;
}

std::string file_of(const places& where, const char* name) {
  return (where.networks / (std::string(name) + ".safetensors")).string();
}

/// Share of the test images that it knows, with a bar.
double accuracy_of(prunus::nn::network<float>& net, const dataset& test, const std::string& label) {
  constexpr std::ptrdiff_t batch = 250;
  progress_bar bar(label, test.size(), {.line_every = 1});
  double hits = 0;
  for (std::ptrdiff_t first = 0; first < test.size(); first += batch) {
    const auto count = static_cast<std::size_t>(std::min(batch, test.size() - first));
    const auto at = static_cast<std::size_t>(first);
    const auto pixels = static_cast<std::size_t>(test.pixels());
    hits += static_cast<double>(count) *
            prunus::nn::evaluate<float>(net,
                                        std::span(test.images).subspan(at * pixels, count * pixels),
                                        std::span(test.labels).subspan(at, count), batch)
                .accuracy;
    bar.update(first + static_cast<std::ptrdiff_t>(count));
  }
  return hits / static_cast<double>(test.size());
}

dataset images_for(const trained_network& net, const places& where, const options& chosen) {
  return load_images_for(net, where.images.string(), {.train = 1, .test = chosen.test_images}).test;
}

/// Two sets of tensors of one architecture, name by name.
struct tensor_comparison {
  std::size_t equal = 0, unequal = 0, other_shape = 0;
  std::string text;  ///< a line for each tensor that differs
};
tensor_comparison compare(const tensors& ours, const tensors& theirs) {
  tensor_comparison result;
  char line[200];
  for (const auto& a : ours) {
    const auto b = std::find_if(theirs.begin(), theirs.end(),
                                [&](const auto& other) { return other.name == a.name; });
    if (b == theirs.end()) throw std::runtime_error("the other tool's file has no " + a.name);
    if (!a.view().same_shape(b->view())) {
      ++result.other_shape;
      std::snprintf(line, sizeof line, "  %-38s %s, theirs %s\n", a.name.c_str(),
                    prunus::describe(a.view()).c_str(), prunus::describe(b->view()).c_str());
      result.text += line;
      continue;
    }
    double largest = 0;
    std::size_t different = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i) {
      different += a.values[i] != b->values[i];
      largest = std::max(
          largest, std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b->values[i])));
    }
    ++(different == 0 ? result.equal : result.unequal);
    if (different == 0) continue;
    std::snprintf(line, sizeof line, "  %-38s %zu of %zu values differ, by %.3g at most\n",
                  a.name.c_str(), different, a.values.size(), largest);
    result.text += line;
  }
  return result;
}

/// Channels of the layers that lost some, in the whole network, here and there.
void print_widths(const prunus::graph& whole, const prunus::graph& ours,
                  const prunus::graph& theirs) {
  const auto width = [](const prunus::graph& g, const std::string& name) {
    const prunus::resolved_graph network = prunus::resolve(g);
    return static_cast<long>(network.nodes[network.index_of(name)].shape.channels);
  };
  std::printf("%-24s %8s %8s %8s\n", "channels of", "whole", "ours", "theirs");
  for (const prunus::graph_node& node : whole.nodes()) {
    if (!node.operation.is<prunus::operation::convolution>()) continue;
    const std::array<long, 3> channels{width(whole, node.name), width(ours, node.name),
                                       width(theirs, node.name)};
    if (channels[0] != channels[1] || channels[0] != channels[2])
      std::printf("%-24s %8ld %8ld %8ld\n", node.name.c_str(), channels[0], channels[1],
                  channels[2]);
  }
}

void print_row(const std::string& name, const prunus::cost& cost, double stated, double here) {
  std::printf("%-50s %8.1f %8.2f %8.2f %8.2f\n", name.c_str(),
              static_cast<double>(cost.parameters) / 1e3, static_cast<double>(cost.macs) / 1e6,
              100 * stated, 100 * here);
}

/// The accuracies of all networks that are there.
void check_accuracies(const places& where, const options& chosen) {
  struct row {
    std::string name;
    prunus::cost cost;
    double stated, here;
  };
  std::vector<row> rows;
  for (const char* name : files) {
    const std::string path = file_of(where, name);
    if (!std::filesystem::exists(path)) {
      std::printf("%s is not there and is left out\n", path.c_str());
      continue;
    }
    const trained_network trained = load_trained_network(path);
    prunus::nn::network<float> net(trained.graph, trained.tensors, {.threads = chosen.threads});
    const dataset test = images_for(trained, where, chosen);
    rows.push_back({trained.name, prunus::cost_of(net.resolved()), trained.stated_accuracy,
                    accuracy_of(net, test, trained.name)});
  }
  std::printf("%-50s %8s %8s %8s %8s\n", "network", "k param.", "M MACs", "stated %", "here %");
  for (const row& r : rows) print_row(r.name, r.cost, r.stated, r.here);
}

/// A narrower network put back among dead channels of a wide graph: its own channels are spread
/// evenly, the others compute something that nobody reads, as training left it.
tensors among_dead_channels(const tensors& narrow, const prunus::graph& wide) {
  tensors result;
  for (const auto& node : prunus::resolve(wide).nodes)
    for (const prunus::parameter_declaration& p : node.parameters) {
      const auto source = std::find_if(narrow.begin(), narrow.end(),
                                       [&](const auto& t) { return t.name == p.name; });
      if (source == narrow.end()) throw std::runtime_error("the file has no " + p.name);
      std::vector<float> values(static_cast<std::size_t>(p.size()));
      const auto to = prunus::view(values.data(), std::span<const Index>(p.shape),
                                   prunus::layout::of_rank(static_cast<int>(p.shape.size())));
      const auto from = source->view();
      const auto positions = [&](prunus::axis a) {  // of the narrow one; -1 in between
        std::vector<Index> of(static_cast<std::size_t>(to.extent(a)), -1);
        for (Index c = 0; c < from.extent(a); ++c)
          of[static_cast<std::size_t>(c * to.extent(a) / from.extent(a))] = c;
        return of;
      };
      const std::vector<Index> out = positions(prunus::axis::out), in = positions(prunus::axis::in);
      for (std::size_t o = 0; o < out.size(); ++o)
        for (std::size_t i = 0; i < in.size(); ++i)
          for (Index y = 0; in[i] >= 0 && y < to.extent(prunus::axis::height); ++y)
            for (Index x = 0; x < to.extent(prunus::axis::width); ++x)
              to(static_cast<Index>(o), static_cast<Index>(i), y, x) =
                  from(std::max<Index>(out[o], 0), in[i], y, x);
      result.push_back({p.name, to.extents, to.axes, to.rank, std::move(values)});
    }
  return result;
}

/// Puts the other tool's network back to full size and removes the dead channels here.
void repeat_on_their_weights(const trained_network& theirs, const prunus::graph& whole,
                             const dataset& test, const options& chosen) {
  prunus::nn::network<float> wide(whole, among_dead_channels(theirs.tensors, whole),
                                  {.threads = chosen.threads});
  const prunus::plan plan = prunus::plan_removal(whole, wide.model());
  const tensors kept = prunus::compact(wide.model(), plan);
  prunus::nn::network<float> ours(prunus::compact(whole, plan), kept, {.threads = chosen.threads});
  prunus::nn::network<float> other(theirs.graph, theirs.tensors, {.threads = chosen.threads});
  const tensor_comparison result = compare(kept, theirs.tensors);
  const double moved =
      std::max(largest_difference(wide, ours, test), largest_difference(ours, other, test));
  std::printf(
      "\n%s among dead channels at full size: %zu channels removed here, %zu of %zu tensors are "
      "those of the file bit for bit, outputs differ by %.1e\n",
      theirs.name.c_str(), plan.removed.size(), result.equal, theirs.tensors.size(), moved);
  if (result.equal != theirs.tensors.size() || !(moved <= comparison::tolerance))
    throw std::runtime_error("the removal made another network of it:\n" + result.text);
}

/// Takes the zero channels out and looks at what another tool made of the same network.
void redo_removal(const places& where, const options& chosen) {
  const trained_network dense =
      load_trained_network(file_of(where, "distiller_resnet20_ch_regularized_dense"));
  const trained_network theirs =
      load_trained_network(file_of(where, "distiller_resnet20_channel_regularized"));
  prunus::nn::network<float> whole(dense.graph, dense.tensors, {.threads = chosen.threads});
  prunus::nn::network<float> other(theirs.graph, theirs.tensors, {.threads = chosen.threads});

  const prunus::plan plan = prunus::plan_removal(whole.graph(), whole.model());
  const tensors kept = prunus::compact(whole.model(), plan);
  prunus::nn::network<float> smaller(prunus::compact(whole.graph(), plan), kept,
                                     {.threads = chosen.threads});
  std::printf("\n%s: the plan takes out %zu channels, the first of them:\n", dense.name.c_str(),
              plan.removed.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(3, plan.removed.size()); ++i)
    std::printf("  %s\n", plan.removed[i].sentence.c_str());
  const std::filesystem::path folder(chosen.output);
  prunus::write_file((folder / "plan.txt").string(), prunus::save_plan(plan));
  prunus::write_safetensors((folder / "resnet20.safetensors").string(), kept);
  std::printf("%s: the whole plan and the smaller network\n\n", chosen.output.c_str());

  print_widths(whole.graph(), smaller.graph(), other.graph());
  std::printf("channels of zeros that are left in theirs: %zu\n",
              prunus::plan_removal(other.graph(), other.model()).removed.size());
  const tensor_comparison tensors_of_both = compare(kept, theirs.tensors);
  std::printf("of %zu tensors %zu are equal bit for bit, %zu differ in values, %zu in shape\n",
              kept.size(), tensors_of_both.equal, tensors_of_both.unequal,
              tensors_of_both.other_shape);
  if (chosen.list_tensors) std::fputs(tensors_of_both.text.c_str(), stdout);
  if (tensors_of_both.equal == 0)
    std::printf(
        "(not even those that no removal touches, such as conv1.weight: the files seem to be of "
        "two training runs, so that only the widths can be compared)\n");
  const dataset test = images_for(dense, where, chosen);
  const double moved = largest_difference(whole, smaller, test);
  std::printf(
      "outputs over %td test images, relative to the largest: ours differs from the whole network "
      "by %.1e, theirs by %.1e\n",
      std::min<std::ptrdiff_t>(1000, test.size()), moved, largest_difference(whole, other, test));
  if (!(moved <= comparison::tolerance))
    throw std::runtime_error("the smaller network is another function, which must not be");
  const double before = accuracy_of(whole, test, "whole"),
               ours = accuracy_of(smaller, test, "ours"),
               others = accuracy_of(other, test, "theirs");
  std::printf("%-50s %8s %8s %8s %8s\n", "network", "k param.", "M MACs", "stated %", "here %");
  print_row("whole", plan.before, dense.stated_accuracy, before);
  print_row("zero channels removed here", prunus::cost_of(smaller.resolved()),
            dense.stated_accuracy, ours);
  print_row("removed by the other tool", prunus::cost_of(other.resolved()), theirs.stated_accuracy,
            others);
  repeat_on_their_weights(theirs, whole.graph(), test, chosen);
}

/// The same on a network that is made here: prune, save, load, remove, save, load, compare.
void show_without_data(const options& chosen) {
  const prunus::graph graph =
      prunus::nn::resnet({3, 16, 16}, 10, {1, 1, 1}, 8, prunus::nn::shortcut::zero_padding);
  prunus::nn::network<float> made(graph, {.seed = 3});
  prunus::prune(made.model(), prunus::pass{prunus::l2_norm{}, prunus::filter}, 0.4);
  const std::filesystem::path folder(chosen.output);
  const std::string masked_path = (folder / "masked.safetensors").string(),
                    smaller_path = (folder / "smaller.safetensors").string();
  prunus::write_safetensors(masked_path, made.model(), {{"made_by", "prunus"}});

  prunus::nn::network<float> masked(graph, prunus::read_safetensors(masked_path).tensors<float>());
  const prunus::plan plan = prunus::plan_removal(graph, masked.model());
  prunus::write_safetensors(smaller_path, prunus::compact(masked.model(), plan));
  prunus::nn::network<float> smaller(prunus::compact(graph, plan),
                                     prunus::read_safetensors(smaller_path).tensors<float>());
  dataset images{.channels = 3, .height = 16, .width = 16};
  const prunus::nn::counter_random random(3, 1);
  images.labels.resize(64);
  images.images.resize(64 * 3 * 16 * 16);
  for (std::size_t i = 0; i < images.images.size(); ++i)
    images.images[i] = static_cast<float>(random.normal(i));
  const double moved = largest_difference(masked, smaller, images);
  std::printf(
      "%s: %ld parameters, %zu channels of zeros\n%s: %ld parameters\n"
      "outputs differ by %.1e of the largest\n",
      masked_path.c_str(), static_cast<long>(plan.before.parameters), plan.removed.size(),
      smaller_path.c_str(), static_cast<long>(plan.after.parameters), moved);
  if (plan.empty() || !(moved <= comparison::tolerance))
    throw std::runtime_error("the smaller network is another function, which must not be");
}

int run(const options& chosen) {
  (void)output_folder(chosen.output);
  const std::string folder = data_directory(chosen.data);
  const std::optional<places> where = folder.empty() ? std::nullopt : find_places(folder);
  if (!where) {
    std::printf(
        "no trained networks: a folder with cifar10/ and models_cifar10/ is expected by --data or "
        "$PRUNUS_DATA%s; here is the same on a small network\n",
        folder.empty() ? "" : (", " + folder + " has none").c_str());
    show_without_data(chosen);
    return 0;
  }
  check_accuracies(*where, chosen);
  redo_removal(*where, chosen);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app(
      "Reads ResNet-20s trained on CIFAR-10, checks their accuracy, and removes the channels that "
      "training zeroed.");
  app.add_option(
      "--data", chosen.data,
      "folder with cifar10/ and models_cifar10/; else $PRUNUS_DATA, else a small network "
      "made here");
  app.add_option("--test-images", chosen.test_images, "use that many at most")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", chosen.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--list-tensors", chosen.list_tensors, "name every tensor that differs");
  app.add_option("--output", chosen.output, "folder for the networks that are written")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "06_real_resnet20: %s\n", problem.what());
    return 1;
  }
}
