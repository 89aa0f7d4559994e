// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/core/error.hpp>
#include <prunus/nn/executor/detail/graph_executor.hpp>
#include <prunus/nn/layers/detail/gate_layer.hpp>
#include <prunus/nn/layers/detail/gated_kernels.hpp>
#include <prunus/nn/layers/detail/node_parameter.hpp>
#include <prunus/nn/layers/detail/open_work.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/gated_loss.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/gated_crossover.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::fill, std::min
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <memory>       // std::make_shared, std::shared_ptr
#include <optional>     // std::optional
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// How a gated network works.
struct gated_network_options {
  gate_source source = gate_source::input;  ///< what the gates look at
  Index threads = 1;                        ///< that work on a batch, the caller included
  Index shards = 8;                         ///< parts of a batch, the tasks of the threads
};

/// The convolutions of a network with gates: closed channels are never computed at inference.
///
/// The backbone stays what it is: a `network` with its weights, gradients, optimizer and graph, on
/// which pruning, compaction and saving work as ever. A gated network runs the same graph with the
/// same weights and other layers: a gate takes the place of the rectifier behind a convolution (and
/// behind its normalisation, if there is one). Openness is handed on through pooling and flattening
/// to the layers that read it.
///
///     nn::network<float> backbone(graph);          // trained before
///     nn::gated_network<float, activation_gate<float>> net(
///         backbone, [](std::string_view convolution, Index features, Index channels) {
///           return std::optional(activation_gate<float>(features, channels));
///         });
///     net.measure_crossovers();                    // once a machine
///     auto logits = net.forward(image, 1, nn::mode::inference);
///     net.work().share();                          // of the multiply-adds, executed
///
/// In training mode all channels are computed and the closed ones masked, as their gradients are
/// needed to open again. Threads share the samples of a batch; results are a function of the
/// weights, the batch and `shards`, and do not depend on the number of threads. What the gates
/// learn is summed by one thread. After the first batch of a size inference allocates nothing.
template <std::floating_point S, trainable_gate<S> Gate>
class gated_network {
  using batch_gate = prunus::detail::batch_gate<S, Gate>;
  using convolution_kernel = prunus::detail::gated_convolution_kernel<S, Gate>;
  using linear_kernel = prunus::detail::gated_linear_kernel<S>;

 public:
  using output_view = typename network<S>::output_view;

  /// `make_gate(name, features, channels)` gives the gate of the convolution of that name as a
  /// std::optional<Gate>, nothing where it stays open; it is asked for each convolution with a
  /// rectifier of its own. `features` are the channels that the gate will look at.
  /// The backbone must outlive the gated network.
  /// @throws argument_error (unsupported: an operation other than convolution, normalisation behind
  ///         one, rectifier, pooling, flattening, linear layer and sum; out_of_range: threads or
  ///         shards below 1), shape_error (shape_mismatch: a gate of another size)
  template <class MakeGate>
  gated_network(network<S>& backbone, const MakeGate& make_gate,
                const gated_network_options& options = {})
      : backbone_(&backbone), options_(checked(options)), executor_(make_executor(make_gate)) {
    for (const placed_kernel& k : kernels_) executor_.set_kernel(k.node, k.kernel);
  }
  gated_network(const gated_network&) = delete;
  gated_network& operator=(const gated_network&) = delete;

  [[nodiscard]] network<S>& backbone() noexcept { return *backbone_; }
  [[nodiscard]] Index input_size() const noexcept { return backbone_->input_size(); }
  [[nodiscard]] const tensor_shape& output_shape() const noexcept {
    return backbone_->output_shape();
  }

  /// @returns a view that is valid until the next call
  /// @throws argument_error (out_of_range: batch < 1), shape_error (shape_mismatch)
  output_view forward(std::span<const S> images, Index batch, mode how) {
    if (batch < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("gated_network.forward: a batch of ", batch));
    if (static_cast<Index>(images.size()) != batch * input_size())
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("gated_network.forward: ", images.size(), " numbers for ", batch,
                                 " samples of ", input_size()));
    const bool training = how == mode::training;
    executor_.reserve(batch, training);
    for (const auto& layer : convolutions_)
      if (layer->gate != nullptr) layer->gate->reserve(batch);
    executor_.forward(images.data(), batch, training, 0);
    const Index shards = std::min(options_.shards, batch);
    if (!training) {
      for (const auto& layer : convolutions_) layer->record(batch, shards);
      for (const auto& layer : linears_) layer->work += layer->last_work(shards);
    }
    differentiable_ = training ? batch : 0;
    return output_view(training ? executor_.output().value : executor_.inferred(), batch,
                       output_shape().size());
  }

  /// Where `backward` expects the gradient of the outputs of the last training batch.
  /// @throws state_error (wrong_order) without such a batch
  [[nodiscard]] std::span<S> output_gradient() {
    check_differentiable();
    return {executor_.output().gradient,
            static_cast<std::size_t>(differentiable_ * output_shape().size())};
  }

  /// Gradients of the backbone's parameters and of the gates, overwriting the previous ones.
  /// @returns the share of the multiply-adds that were open in the batch
  /// @throws state_error (wrong_order) unless a forward pass in training mode came directly before
  double backward(const gated_loss& loss = {}) {
    check_differentiable();
    const Index batch = differentiable_;
    work_.count(batch);
    const double share = work_.share();
    for (const auto& layer : convolutions_) {
      if (layer->gate == nullptr) continue;
      batch_gate& of = *layer->gate;
      std::fill(of.gate.gradient().begin(), of.gate.gradient().end(), S(0));
      for (Index n = 0; n < batch; ++n)
        of.pressure[static_cast<std::size_t>(n)] = {
            static_cast<S>(loss.lasso / static_cast<double>(batch)),
            static_cast<S>(2 * loss.budget * (share - loss.budget_share) *
                           work_.by_opening(of.open, n))};
    }
    executor_.backward(batch, 0);
    differentiable_ = 0;
    return share;
  }

  /// The gates, in the order of the graph.
  [[nodiscard]] std::vector<Gate*> gates() {
    std::vector<Gate*> found;
    for (const auto& layer : convolutions_)
      if (layer->gate != nullptr) found.push_back(&layer->gate->gate);
    return found;
  }
  /// What the gated layers did at inference since `clear_statistics`, each under the name of its
  /// weight.
  [[nodiscard]] std::vector<gate_statistics> statistics() const {
    std::vector<gate_statistics> found;
    for (const auto& layer : convolutions_)
      if (layer->gate != nullptr) found.push_back(layer->statistics);
    return found;
  }
  /// What all layers did at inference, and the gates for them.
  [[nodiscard]] executed_work work() const {
    executed_work sum;
    for (const auto& layer : convolutions_) sum += layer->statistics.work();
    for (const auto& layer : linears_) sum += layer->work;
    return sum;
  }
  [[nodiscard]] Index gate_macs() const {
    Index sum = 0;
    for (const auto& layer : convolutions_) sum += layer->statistics.gate_macs();
    return sum;
  }
  void clear_statistics() noexcept {
    for (const auto& layer : convolutions_) layer->statistics.clear();
    for (const auto& layer : linears_) layer->work = {};
  }

  /// Measures, for batches of `samples`, from which share on each layer is faster dense on this
  /// machine, and computes it so from then on. See `measure_gated_crossover`.
  void measure_crossovers(const gated_crossover_options& options = {}) {
    for (const auto& layer : convolutions_)
      layer->fast.set_options(measure_gated_crossover(layer->fast, options).options());
    for (const auto& layer : linears_)
      layer->fast.set_options(measure_gated_crossover(layer->fast, options).options());
  }
  /// The same share for every layer.
  void set_dense_from(double share) {
    for (const auto& layer : convolutions_) layer->fast.set_options({.dense_from = share});
    for (const auto& layer : linears_) layer->fast.set_options({.dense_from = share});
  }

 private:
  static const gated_network_options& checked(const gated_network_options& options) {
    if (options.shards < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("gated_network: ", options.shards,
                                                  " shards; a batch has at least 1"));
    return options;
  }

  void check_differentiable() const {
    if (differentiable_ == 0)
      throw state_error(errc::wrong_order,
                        "gated_network: call forward in training mode before its gradient");
  }

  /// The executor of the backbone's graph with gates in it; fills the lists of kernels.
  template <class MakeGate>
  [[nodiscard]] prunus::detail::graph_executor<S> make_executor(const MakeGate& make_gate) {
    const std::vector<resolved_graph::node>& nodes = backbone_->resolved().nodes;
    resolved_graph graph = backbone_->resolved();
    prunus::detail::gradient_shares<S> shares(options_.shards);
    auto layers =
        prunus::detail::make_layers<S>(graph, std::as_const(*backbone_).model(), shares, 0);
    std::vector<const prunus::detail::open_flags*> open(nodes.size(), nullptr);  // of the results
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      check_supported(i);
      const resolved_graph::node& node = nodes[i];
      if (node.inputs.empty()) continue;
      const std::size_t from = node.inputs.front();
      if (const auto* op = node.operation.template as<operation::convolution>()) {
        const std::size_t relu = rectifier_of(i);
        const auto layer = make_convolution(
            i, *op, open[from],
            relu == none ? nullptr : make_batch_gate(i, *op, open[from], make_gate));
        if (layer->gate == nullptr) continue;
        open[relu] = &layer->gate->open;
        layers[relu] = prunus::detail::gate_layer<S>{layer->gate};
        if (options_.source == gate_source::input) {  // it reads what the convolution reads
          graph.nodes[relu].inputs.push_back(from);
          graph.nodes[from].consumers.push_back(relu);
        }
      } else if (node.operation.template is<operation::linear>()) {
        make_linear(i, open[from]);
      } else if (!node.operation.template is<operation::batch_norm>() &&
                 !node.operation.template is<operation::add>() && open[i] == nullptr) {
        open[i] = open[from];
        if (const auto* pool = node.operation.template as<operation::pooling>();
            pool != nullptr && open[i] != nullptr)
          kernels_.push_back(
              {i, std::make_shared<prunus::detail::gated_pooling_kernel<S>>(
                      prunus::detail::pooling_layer<S>::shape_of(*pool, nodes[from].shape),
                      pool->function == operation::pooling_function::max, *open[i])});
      }
    }
    return prunus::detail::graph_executor<S>(graph, std::move(layers), std::move(shares),
                                             {options_.threads, options_.shards});
  }

  void check_supported(std::size_t i) const {
    const resolved_graph::node& node = backbone_->resolved().nodes[i];
    const any_operation& op = node.operation;
    const auto shape_in = [&]() -> const tensor_shape& {
      return backbone_->resolved().input_shape(i);
    };
    const auto* flatten = op.as<operation::flatten>();
    if (op.is<operation::input>() || op.is<operation::convolution>() ||
        op.is<operation::pooling>() || op.is<operation::global_pooling>() ||
        op.is<operation::add>() || is_relu(node) ||
        (op.is<operation::linear>() && shape_in().plane() == 1) ||
        (flatten != nullptr && !flatten->channels_last) ||
        (op.is<operation::batch_norm>() && backbone_->resolved()
                                               .nodes[node.inputs.front()]
                                               .operation.template is<operation::convolution>()))
      return;
    throw argument_error(
        errc::unsupported,
        prunus::detail::concat("gated_network: node ", node.name,
                               " is not supported; convolutions with or without a normalisation "
                               "behind them, rectifiers, pooling, sums, flattening (channels "
                               "first) and linear layers on vectors are"));
  }
  [[nodiscard]] static bool is_relu(const resolved_graph::node& node) {
    const auto* f = node.operation.template as<operation::activation>();
    return f != nullptr && f->function == operation::activation_function::relu;
  }

  /// The rectifier that alone reads a convolution, or its normalisation; `none` without one.
  [[nodiscard]] std::size_t rectifier_of(std::size_t convolution) const {
    const std::vector<resolved_graph::node>& nodes = backbone_->resolved().nodes;
    const auto only_reader = [&](std::size_t of) {
      return nodes[of].consumers.size() == 1 && !nodes[of].is_output ? nodes[of].consumers.front()
                                                                     : none;
    };
    std::size_t next = only_reader(convolution);
    if (next != none && nodes[next].operation.template is<operation::batch_norm>())
      next = only_reader(next);
    return next != none && is_relu(nodes[next]) ? next : none;
  }

  template <class MakeGate>
  [[nodiscard]] std::shared_ptr<batch_gate> make_batch_gate(std::size_t i,
                                                            const operation::convolution& op,
                                                            const prunus::detail::open_flags* read,
                                                            const MakeGate& make_gate) const {
    const resolved_graph::node& node = backbone_->resolved().nodes[i];
    const bool sees_input = options_.source == gate_source::input;
    const tensor_shape& seen = sees_input ? backbone_->resolved().input_shape(i) : node.shape;
    std::optional<Gate> gate =
        make_gate(std::string_view(node.name), seen.channels, op.out_channels);
    if (!gate) return nullptr;
    if (gate->features() != seen.channels || gate->channels() != op.out_channels)
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("gated_network: the gate of ", node.name, " looks at ",
                                 gate->features(), " and opens ", gate->channels(),
                                 " channels; expected ", seen.channels, " and ", op.out_channels));
    return std::make_shared<batch_gate>(std::move(*gate), seen, sees_input ? read : nullptr,
                                        node.shape.plane());
  }

  std::shared_ptr<convolution_kernel> make_convolution(std::size_t i,
                                                       const operation::convolution& op,
                                                       const prunus::detail::open_flags* read,
                                                       std::shared_ptr<batch_gate> gate) {
    const resolved_graph::node& node = backbone_->resolved().nodes[i];
    const convolution_shape shape =
        prunus::detail::convolution_layer<S>::shape_of(op, backbone_->resolved().input_shape(i));
    work_.add({read, gate == nullptr ? nullptr : &gate->open,
               static_cast<double>(shape.in_channels), static_cast<double>(shape.out_channels),
               static_cast<double>(shape.kernel_area() * node.shape.plane()) /
                   static_cast<double>(shape.groups)});
    const parameter<S>& weight =
        *prunus::detail::node_parameter(backbone_->model(), node, "weight");
    convolutions_.push_back(std::make_shared<convolution_kernel>(
        weight.name, shape, weight.weight.data, read, std::move(gate), options_.source,
        options_.threads, options_.shards));
    kernels_.push_back({i, convolutions_.back()});
    return convolutions_.back();
  }

  void make_linear(std::size_t i, const prunus::detail::open_flags* read) {
    const resolved_graph::node& node = backbone_->resolved().nodes[i];
    const linear_shape shape{backbone_->resolved().input_shape(i).size(), node.shape.size()};
    const Index plane = read == nullptr ? 1 : shape.in / read->channels;
    work_.add({read, nullptr, static_cast<double>(shape.in / plane), static_cast<double>(shape.out),
               static_cast<double>(plane)});
    linears_.push_back(std::make_shared<linear_kernel>(
        gated_linear<S>(shape, plane),
        prunus::detail::node_parameter(backbone_->model(), node, "weight")->weight.data, read,
        options_.threads, options_.shards));
    kernels_.push_back({i, linears_.back()});
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct placed_kernel {
    std::size_t node;
    std::shared_ptr<prunus::detail::block_kernel<S>> kernel;
  };

  network<S>* backbone_;
  gated_network_options options_;
  prunus::detail::open_work work_;
  std::vector<std::shared_ptr<convolution_kernel>> convolutions_;
  std::vector<std::shared_ptr<linear_kernel>> linears_;
  std::vector<placed_kernel> kernels_;
  prunus::detail::graph_executor<S> executor_;
  Index differentiable_ = 0;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
