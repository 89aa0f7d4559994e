// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>
#include <prunus/nn.hpp>

#include <examples/support/counter_random.hpp>
#include <examples/support/load_dataset.hpp>
#include <examples/support/progress_bar.hpp>

#include <algorithm>   // std::fill, std::reverse
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::exists
#include <optional>    // std::optional
#include <string>      // std::string
#include <utility>     // std::move
#include <vector>      // std::vector

namespace prunus_benchmarks {

using prunus::Index;
using prunus_examples::data_split;
using prunus_examples::dataset;

/// A trained network, and how it is trained on.
struct starting_point {
  prunus::graph graph;
  prunus::named_tensors<float> tensors;
};

/// Runs that share a recipe can be compared.
struct training_recipe {
  Index epochs = 1;
  Index batch = 128;
  double learning_rate = 0.02;  ///< at first; falls along a cosine to 0
  double weight_decay = 5e-4;
  Index threads = 2;
  bool augment = false;  ///< images mirrored and shifted by up to 4 pixels, anew each epoch
};

/// Copies of the images, half of them mirrored, all shifted by up to 4 pixels; zeros (the mean of a
/// normalised image) come in from the edges.
[[nodiscard]] inline std::vector<float> augmented(const dataset& data, std::uint64_t seed) {
  constexpr int reach = 4;
  std::vector<float> result(data.images.size(), 0.0F);
  const std::ptrdiff_t rows = data.height, columns = data.width;
  for (std::ptrdiff_t i = 0; i < data.size(); ++i) {
    prunus_examples::counter_random random(seed, static_cast<std::uint64_t>(i));
    const bool mirrored = random.chance(0.5);
    const std::ptrdiff_t down = random.below(2 * reach + 1) - reach,
                         right = random.below(2 * reach + 1) - reach;
    const float* from = data.image(i).data();
    float* to = result.data() + i * data.pixels();
    for (std::ptrdiff_t c = 0; c < data.channels; ++c)
      for (std::ptrdiff_t y = std::max<std::ptrdiff_t>(0, down); y < std::min(rows, rows + down);
           ++y)
        for (std::ptrdiff_t x = std::max<std::ptrdiff_t>(0, right);
             x < std::min(columns, columns + right); ++x) {
          const std::ptrdiff_t source = mirrored ? columns - 1 - (x - right) : x - right;
          to[(c * rows + y) * columns + x] = from[(c * rows + y - down) * columns + source];
        }
  }
  return result;
}

/// Trains by a recipe; `after_step` holds what must stay zero.
template <class AfterStep>
void train(prunus::nn::network<float>& net, const dataset& data, const training_recipe& recipe,
           std::uint64_t seed, const AfterStep& after_step) {
  prunus::nn::optimizer<float, prunus::nn::sgd> optimizer(net,
                                                          {.learning_rate = recipe.learning_rate,
                                                           .momentum = 0.9,
                                                           .nesterov = true,
                                                           .weight_decay = recipe.weight_decay});
  std::vector<float> changed;
  for (Index epoch = 0; epoch < recipe.epochs; ++epoch) {
    const std::uint64_t stream = seed * 1000 + static_cast<std::uint64_t>(epoch);
    if (recipe.augment) changed = augmented(data, stream);
    prunus::nn::minibatches<float> batches(recipe.augment ? changed : data.images, data.labels,
                                           {.batch = recipe.batch, .seed = seed});
    const prunus::nn::cosine_decay rate{recipe.learning_rate, recipe.epochs * batches.count(),
                                        recipe.epochs * batches.count() / 20};
    for (Index b = 0; b < batches.count(); ++b) {
      const auto batch = batches(static_cast<std::uint64_t>(epoch), b);
      prunus::nn::train_step<float>(net, optimizer, batch.images, batch.labels,
                                    rate(epoch * batches.count() + b));
      after_step();
    }
  }
}

/// The images of a folder (else drawn digits), every channel with mean 0 and deviation 1.
[[nodiscard]] inline data_split load_normalised(const std::string& directory,
                                                const prunus_examples::data_limit& limit) {
  data_split data = prunus_examples::load_or_draw(directory, limit);
  const prunus_examples::channel_statistics statistics =
      prunus_examples::measure_channels(data.train);
  prunus_examples::normalise(data.train, statistics);
  prunus_examples::normalise(data.test, statistics);
  return data;
}

[[nodiscard]] inline double accuracy_of(prunus::nn::network<float>& net, const dataset& test) {
  return prunus::nn::evaluate<float>(net, test.images, test.labels).accuracy;
}

/// A network trained from its initial weights, or what an earlier run left in the file.
[[nodiscard]] inline starting_point trained_here(prunus::graph graph, const dataset& data,
                                                 const training_recipe& recipe, std::uint64_t seed,
                                                 const std::string& checkpoint) {
  prunus::nn::network<float> net(graph, {.seed = seed, .threads = recipe.threads});
  auto tensors = net.tensors();
  if (std::filesystem::exists(checkpoint)) {
    const std::string bytes = prunus::read_file(checkpoint);
    prunus::archive_reader in(bytes, checkpoint);
    in.tag("prunus checkpoint 1");
    for (auto& tensor : tensors)
      in.values(tensor.values.data(), static_cast<Index>(tensor.values.size()));
    in.expect_end();
    return {std::move(graph), std::move(tensors)};
  }
  train(net, data, recipe, seed, [] {});
  tensors = net.tensors();
  prunus::archive_writer out;
  out.tag("prunus checkpoint 1");
  for (const auto& tensor : tensors)
    out.values(tensor.values.data(), static_cast<Index>(tensor.values.size()));
  prunus::write_file(checkpoint, out.bytes());
  return {std::move(graph), std::move(tensors)};
}

}  // namespace prunus_benchmarks
