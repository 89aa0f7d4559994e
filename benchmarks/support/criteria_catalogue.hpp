// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation.hpp>
#include <prunus/criteria.hpp>
#include <prunus/nn.hpp>
#include <prunus/nn/adapters/observe.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/movement_scores.hpp>
#include <prunus/observe/taylor_statistics.hpp>
#include <prunus/pruning.hpp>

#include <support/starting_point.hpp>

#include <algorithm>   // std::min
#include <cstdint>     // std::uint64_t
#include <functional>  // std::function
#include <stdexcept>   // std::out_of_range
#include <string>      // std::string
#include <utility>     // std::move
#include <vector>      // std::vector

namespace prunus_benchmarks {

/// A few training images of every class, and the network's mean loss on those of each class.
class class_sample {
 public:
  class_sample(const dataset& data, Index of_each) {
    for (int wanted = 0; wanted < static_cast<int>(data.classes); ++wanted) {
      Index found = 0;
      for (Index i = 0; i < data.size() && found < of_each; ++i) {
        if (data.labels[static_cast<std::size_t>(i)] != wanted) continue;
        const auto image = data.image(i);
        images_.insert(images_.end(), image.begin(), image.end());
        labels_.push_back(wanted);
        ++found;
      }
      ends_.push_back(labels_.size());
    }
  }
  [[nodiscard]] std::vector<double> losses(prunus::nn::network<float>& net) const {
    const auto outputs =
        net.forward(images_, static_cast<Index>(labels_.size()), prunus::nn::mode::inference);
    const std::size_t classes = static_cast<std::size_t>(net.output_size());
    std::vector<double> result;
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      const auto part = prunus::nn::softmax_cross_entropy<float>(
          {outputs.data() + begin * classes, (end - begin) * classes},
          std::span(labels_).subspan(begin, end - begin), {});
      result.push_back(part.loss);
      begin = end;
    }
    return result;
  }

 private:
  std::vector<float> images_;
  std::vector<int> labels_;
  std::vector<std::size_t> ends_;  // of each class
};

/// What criteria look at besides the weights: gathered once on some training images, for one
/// starting point.
struct observations {
  prunus::activation_statistics outputs, inputs;
  std::optional<prunus::taylor_statistics> filter_products, filter_magnitudes, element_products;
  std::optional<prunus::movement_scores<float>> filter_movement, element_movement;
  class_sample classes;

  observations(const starting_point& start, const dataset& data, Index images) : classes(data, 5) {
    prunus::nn::network<float> net(start.graph, start.tensors,
                                   {.threads = 2, .keep_activations = true});
    filter_products.emplace(net.model(), prunus::filter);
    filter_magnitudes.emplace(net.model(), prunus::filter, prunus::taylor_term::magnitude);
    element_products.emplace(net.model(), prunus::element);
    filter_movement.emplace(net.model(), prunus::filter);
    element_movement.emplace(net.model(), prunus::element);
    const Index most = std::min<Index>(images, data.size());
    for_each_batch(
        data, most, 128, [&](std::span<const float> pixels, std::span<const int> labels) {
          net.forward(pixels, static_cast<Index>(labels.size()), prunus::nn::mode::inference);
          prunus::nn::observe_outputs(net, outputs);
          prunus::nn::observe_inputs(net, inputs);
        });
    for_each_batch(data, most, 32, [&](std::span<const float> pixels, std::span<const int> labels) {
      backward(net, pixels, labels);
      filter_products->add(net.model());
      filter_magnitudes->add(net.model());
      element_products->add(net.model());
    });
    // Scores of movement are trained while the weights of a network of their own move.
    prunus::nn::network<float> trained(start.graph, start.tensors, {.threads = 2});
    prunus::nn::optimizer<float, prunus::nn::sgd> optimizer(
        trained, {.learning_rate = 0.01, .momentum = 0.9});
    for_each_batch(data, std::min<Index>(8 * images, data.size()), 128,
                   [&](std::span<const float> pixels, std::span<const int> labels) {
                     prunus::nn::train_step<float>(trained, optimizer, pixels, labels, 0.01, [&] {
                       filter_movement->step(trained.model());
                       element_movement->step(trained.model());
                     });
                   });
  }

  /// Gradients of the loss on a batch; the weights do not move, running statistics do.
  static void backward(prunus::nn::network<float>& net, std::span<const float> pixels,
                       std::span<const int> labels) {
    const auto outputs =
        net.forward(pixels, static_cast<Index>(labels.size()), prunus::nn::mode::training);
    (void)prunus::nn::softmax_cross_entropy<float>(
        {outputs.data(), static_cast<std::size_t>(outputs.size())}, labels, net.output_gradient());
    net.backward();
  }

  template <class Use>
  static void for_each_batch(const dataset& data, Index images, Index batch, const Use& use) {
    for (Index begin = 0; begin < images; begin += batch) {
      const std::size_t first = static_cast<std::size_t>(begin),
                        count = static_cast<std::size_t>(std::min(batch, images - begin)),
                        size = static_cast<std::size_t>(data.pixels());
      use(std::span<const float>(data.images).subspan(first * size, count * size),
          std::span<const int>(data.labels).subspan(first, count));
    }
  }
};

/// What a criterion is made from.
struct pruning_context {
  prunus::nn::network<float>& net;  ///< that will be pruned; its weights are the starting point's
  const dataset& training;
  const observations& observed;
  prunus::parameter_selection filters{};  ///< which filters may go
  std::uint64_t seed = 1;
};

/// One entry of the comparison.
struct candidate {
  std::string tile, name;
  std::function<prunus::any_pass<float>(const pruning_context&)> make;
  bool counts_units = false;   ///< the target of the pass is a share of the units, not of the MACs
  bool reconstructed = false;  ///< what reads removed channels is refitted on the training images
};

namespace detail {

/// Filters of all layers in one ranking, each score over the mean of its layer, until the MACs fit.
template <class Criterion>
[[nodiscard]] prunus::any_pass<float> to_macs(
    const pruning_context& context, const Criterion& criterion,
    prunus::score_scaling scaling = prunus::score_scaling::mean) {
  return prunus::pass{criterion, prunus::filter,
                      prunus::macs_target{context.net.graph(), prunus::global{.scaling = scaling}},
                      prunus::hard{}, context.filters};
}
/// Single weights of all layers in one ranking.
template <class Criterion>
[[nodiscard]] prunus::any_pass<float> ranked(const Criterion& criterion) {
  return prunus::pass{criterion, prunus::element, prunus::global{}};
}

/// 2-D kernels of the convolutions.
template <class Criterion, class Allocation>
[[nodiscard]] prunus::any_pass<float> kernels(const Criterion& criterion,
                                              const Allocation& allocation) {
  return prunus::pass{criterion, prunus::kernel_2d, allocation}.within({.exclude = {"fc*"}});
}

/// Filters by their Euclidean norm, a share of units for each layer.
template <class Allocation>
[[nodiscard]] prunus::any_pass<float> by_units(const pruning_context& context,
                                               const Allocation& allocation) {
  return prunus::pass{prunus::l2_norm{}, prunus::filter, allocation}.within(context.filters);
}

/// Leaves the gradients of one batch in the network and its weights as they were.
inline void leave_gradients(const pruning_context& context) {
  const auto before = context.net.tensors();
  const std::size_t count = static_cast<std::size_t>(std::min<Index>(512, context.training.size()));
  observations::backward(context.net,
                         std::span<const float>(context.training.images)
                             .first(count * static_cast<std::size_t>(context.training.pixels())),
                         std::span<const int>(context.training.labels).first(count));
  for (const auto& tensor : before) context.net.assign(tensor.name, tensor.view());
}

}  // namespace detail

/// All that is compared. Not among it: apoz, which on shares of positions is activation_count, and
/// second_order, which while the weights stand still is taylor on squares. Two rows are no method
/// as published, and their names say so: the scores of `movement` come from another run than the
/// weights that they remove, not from one that learns and prunes at once, and `class_ablation at
/// once` scores all layers in the whole network, not one after the other from front to back.
[[nodiscard]] inline const std::vector<candidate>& catalogue() {
  using context = const pruning_context&;
  using detail::by_units;
  using detail::kernels;
  using detail::ranked;
  using detail::to_macs;
  constexpr auto as_scored = prunus::score_scaling::none;
  static const std::vector<candidate> all{
      {"filter", "control: random",
       [](context c) { return to_macs(c, prunus::random_score{c.seed}); }},
      {"filter", "l1_norm", [](context c) { return to_macs(c, prunus::l1_norm{}); }},
      {"filter", "l2_norm", [](context c) { return to_macs(c, prunus::l2_norm{}); }},
      {"filter", "linf_norm", [](context c) { return to_macs(c, prunus::linf_norm{}); }},
      {"filter", "batch_norm_scale",
       [](context c) { return to_macs(c, prunus::batch_norm_scale{}); }},
      {"filter", "activation_count (and apoz)",
       [](context c) {
         return to_macs(c, prunus::activation_count{.statistics = c.observed.outputs,
                                                    .times_magnitude = false,
                                                    .per_position = true});
       }},
      {"filter", "activation_count x |w|",
       [](context c) {
         return to_macs(
             c, prunus::activation_count{.statistics = c.observed.outputs, .per_position = true});
       }},
      {"filter", "activation_mean",
       [](context c) { return to_macs(c, prunus::activation_mean{c.observed.outputs}); }},
      {"filter", "activation_norm",
       [](context c) { return to_macs(c, prunus::activation_norm{c.observed.inputs}); }},
      {"filter", "taylor squares (and second_order)",
       [](context c) { return to_macs(c, prunus::taylor{*c.observed.filter_products}); }},
      {"filter", "taylor |sum|",
       [](context c) { return to_macs(c, prunus::taylor{*c.observed.filter_magnitudes}); }},
      {"filter", "snip",
       [](context c) {
         detail::leave_gradients(c);
         return to_macs(c, prunus::snip{});
       }},
      {"filter", "movement of a separate run",
       [](context c) {
         return to_macs(c, prunus::movement{*c.observed.filter_movement}, as_scored);
       }},
      {"filter", "filter_similarity cosine",
       [](context c) { return to_macs(c, prunus::filter_similarity{}, as_scored); }},
      {"filter", "filter_similarity euclidean",
       [](context c) {
         return to_macs(c, prunus::filter_similarity{.measure = prunus::similarity::euclidean});
       }},
      {"filter", "filter_similarity correlation",
       [](context c) {
         return to_macs(c, prunus::filter_similarity{.measure = prunus::similarity::correlation},
                        as_scored);
       }},
      {"filter", "geometric_median",
       [](context c) { return to_macs(c, prunus::geometric_median{}); }},
      {"filter", "class_ablation at once",
       [](context c) {
         return to_macs(c, prunus::class_ablation{[&net = c.net, &classes = c.observed.classes] {
                          return classes.losses(net);
                        }});
       }},
      {"filter", "class_ablation front to back uniform",
       [](context c) {
         return prunus::any_pass<float>(prunus::front_to_back{
             prunus::pass{prunus::class_ablation{[&net = c.net, &classes = c.observed.classes] {
                            return classes.losses(net);
                          }},
                          prunus::filter}
                 .within(c.filters)});
       },
       true},
      {"filter", "coupling_norm",
       [](context c) { return to_macs(c, prunus::coupling_norm{.relative = true}, as_scored); }},
      {"filter", "l2_norm reconstructed", [](context c) { return to_macs(c, prunus::l2_norm{}); },
       false, true},
      {"filter", "taylor squares reconstructed",
       [](context c) { return to_macs(c, prunus::taylor{*c.observed.filter_products}); }, false,
       true},
      {"filter", "activation_norm of outputs uniform reconstructed",
       [](context c) {
         return prunus::any_pass<float>(prunus::pass{
             prunus::activation_norm{c.observed.outputs, prunus::axis::out}, prunus::filter}
                                            .within(c.filters));
       },
       true, true},
      {"filter", "l2_norm uniform", [](context c) { return by_units(c, prunus::uniform{}); }, true},
      {"filter", "l2_norm increasing",
       [](context c) {
         return by_units(
             c, prunus::depth_distribution{c.net.graph(), prunus::depth_shape::increasing});
       },
       true},
      {"filter", "l2_norm decreasing",
       [](context c) {
         return by_units(
             c, prunus::depth_distribution{c.net.graph(), prunus::depth_shape::decreasing});
       },
       true},
      {"filter", "l1_norm retained_mass",
       [](context c) {
         return prunus::any_pass<float>(prunus::pass{
             prunus::l1_norm{}, prunus::filter,
             prunus::by_retained_mass{prunus::macs_target{
                 c.net.graph(), prunus::global{.scaling = prunus::score_scaling::none}}},
             prunus::hard{}, c.filters});
       }},
      {"filter", "l2_norm isomorphic",
       [](context c) { return by_units(c, prunus::isomorphic{c.net.graph()}); }, true},
      {"element", "control: random",
       [](context c) { return ranked(prunus::random_score{c.seed}); }},
      {"element", "l1_norm", [](context) { return ranked(prunus::l1_norm{}); }},
      {"element", "l1_norm uniform",
       [](context) {
         return prunus::any_pass<float>(
             prunus::pass{prunus::l1_norm{}, prunus::element, prunus::uniform{}});
       }},
      {"element", "activation_count x |w|",
       [](context c) {
         return ranked(
             prunus::activation_count{.statistics = c.observed.outputs, .per_position = true});
       }},
      {"element", "activation_norm",
       [](context c) { return ranked(prunus::activation_norm{c.observed.inputs}); }},
      {"element", "taylor squares (and second_order)",
       [](context c) { return ranked(prunus::taylor{*c.observed.element_products}); }},
      {"element", "snip",
       [](context c) {
         detail::leave_gradients(c);
         return ranked(prunus::snip{});
       }},
      {"element", "movement of a separate run",
       [](context c) { return ranked(prunus::movement{*c.observed.element_movement}); }},
      {"element", "layer_adaptive_magnitude",
       [](context) { return ranked(prunus::layer_adaptive_magnitude{}); }},
      {"element", "l1_norm erdos_renyi_kernel",
       [](context) {
         return prunus::any_pass<float>(
             prunus::pass{prunus::l1_norm{}, prunus::element, prunus::erdos_renyi_kernel{}});
       }},
      {"element", "l1_norm variable_scale",
       [](context) {
         return prunus::any_pass<float>(
             prunus::pass{prunus::l1_norm{}, prunus::element, prunus::variable_scale{}});
       }},
      {"kernel", "control: random",
       [](context c) { return kernels(prunus::random_score{c.seed}, prunus::equal_per_filter{}); }},
      {"kernel", "l1_norm", [](context) { return kernels(prunus::l1_norm{}, prunus::global{}); }},
      {"kernel", "l1_norm equal_per_filter",
       [](context) { return kernels(prunus::l1_norm{}, prunus::equal_per_filter{}); }},
      {"kernel", "kernel_vector equal_per_filter",
       [](context) { return kernels(prunus::kernel_vector{}, prunus::equal_per_filter{}); }},
  };
  return all;
}

/// @throws std::out_of_range
[[nodiscard]] inline const candidate& find_candidate(const std::string& tile,
                                                     const std::string& name) {
  for (const candidate& c : catalogue())
    if (c.tile == tile && c.name == name) return c;
  throw std::out_of_range("no criterion " + name + " for the tile " + tile);
}

}  // namespace prunus_benchmarks
