// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/core/error.hpp>
#include <prunus/nn/layers/detail/gated_convolution_layer.hpp>
#include <prunus/nn/layers/detail/gated_open_work.hpp>
#include <prunus/nn/layers/detail/gated_plain_layers.hpp>
#include <prunus/nn/layers/detail/gated_tensor.hpp>
#include <prunus/nn/layers/detail/sample_shards.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/gated_loss.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/gated_crossover.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::copy_n, std::fill
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <memory>       // std::unique_ptr
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <variant>      // std::get_if, std::variant, std::visit
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
/// which pruning, compaction and saving work as ever. A gated network computes with its weights in
/// a way of its own. A gate takes the place of the rectifier behind a convolution (and behind its
/// normalisation, if there is one); other convolutions are computed as before. Openness is handed
/// on through pooling and flattening to the layers that read it.
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
  using tensor = prunus::detail::gated_tensor<S>;
  using convolution_layer = prunus::detail::gated_convolution_layer<S, Gate>;
  using any_layer =
      std::variant<std::unique_ptr<convolution_layer>,
                   std::unique_ptr<prunus::detail::gated_linear_layer<S>>,
                   prunus::detail::gated_pooling_layer<S>, prunus::detail::gated_sum_layer<S>,
                   prunus::detail::gated_copy_layer<S>>;

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
      : backbone_(&backbone),
        source_(options.source),
        shards_(options.threads, checked_shards(options.shards)) {
    const resolved_graph& graph = backbone.resolved();
    tensors_.resize(graph.nodes.size());
    tensor_of_.resize(graph.nodes.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      tensors_[i].shape = graph.nodes[i].shape;
      tensor_of_[i] = i;
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      if (tensor_of_[i] == i) add_layer(graph, i, make_gate);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      if (graph.nodes[i].is_output) output_ = &tensors_[tensor_of_[i]];
  }
  gated_network(const gated_network&) = delete;
  gated_network& operator=(const gated_network&) = delete;

  [[nodiscard]] network<S>& backbone() noexcept { return *backbone_; }

  /// @returns a view that is valid until the next call
  /// @throws argument_error (out_of_range: batch < 1), shape_error (shape_mismatch)
  output_view forward(std::span<const S> images, Index batch, mode how) {
    if (batch < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("gated_network.forward: a batch of ", batch));
    if (static_cast<Index>(images.size()) != batch * input_->shape.size())
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("gated_network.forward: ", images.size(), " numbers for ", batch,
                                 " samples of ", input_->shape.size()));
    const bool training = how == mode::training;
    for (tensor& t : tensors_) t.reserve(batch);
    std::copy_n(images.data(), images.size(), input_->value.data());
    each_layer([&](auto& layer) { layer.prepare(batch, training, shards_); });
    if (training) {
      each_layer([&](auto& layer) { layer.train(batch, shards_); });
    } else {
      shards_.run(batch, [&](const prunus::detail::shard& of) {
        each_layer([&](auto& layer) { layer.infer(of); });
      });
      each_layer([&](auto& layer) { layer.record(batch, shards_.shards_of(batch)); });
    }
    differentiable_ = training ? batch : 0;
    return output_view(output_->value.data(), batch, output_->shape.size());
  }

  /// Where `backward` expects the gradient of the outputs of the last training batch.
  /// @throws state_error (wrong_order) without such a batch
  [[nodiscard]] std::span<S> output_gradient() {
    check_differentiable();
    return std::span(output_->gradient)
        .first(static_cast<std::size_t>(differentiable_ * output_->shape.size()));
  }

  /// Gradients of the backbone's parameters and of the gates, overwriting the previous ones.
  /// @returns the share of the multiply-adds that were open in the batch
  /// @throws state_error (wrong_order) unless a forward pass in training mode came directly before
  double backward(const gated_loss& loss = {}) {
    check_differentiable();
    const Index batch = differentiable_;
    for (tensor& t : tensors_)
      if (&t != output_) std::fill(t.gradient.begin(), t.gradient.end(), S(0));
    for (Gate* g : gates()) std::fill(g->gradient().begin(), g->gradient().end(), S(0));
    const prunus::detail::open_work<S> work = count_open_work(batch);
    const double excess = work.share() - loss.budget_share;
    const auto pressure_of = [&](const tensor& gated, Index n) {
      gate_pressure<S> pressure;
      pressure.lasso = static_cast<S>(loss.lasso / static_cast<double>(batch));
      pressure.open = static_cast<S>(2 * loss.budget * excess * work.by_opening(gated, n));
      return pressure;
    };
    for (std::size_t k = layers_.size(); k > 0; --k)
      visit(layers_[k - 1], [&](auto& layer) {
        layer.backward(batch, shards_, [&](Index n) { return pressure_of(*layer.out, n); });
      });
    differentiable_ = 0;
    return work.share();
  }

  /// The gates, in the order of the graph.
  [[nodiscard]] std::vector<Gate*> gates() {
    std::vector<Gate*> found;
    for (convolution_layer* layer : convolutions_)
      if (layer->gate) found.push_back(&*layer->gate);
    return found;
  }
  /// What the gated layers did at inference since `clear_statistics`, each under the name of its
  /// weight.
  [[nodiscard]] std::vector<gate_statistics> statistics() const {
    std::vector<gate_statistics> found;
    for (const convolution_layer* layer : convolutions_)
      if (layer->gate) found.push_back(layer->statistics);
    return found;
  }
  /// What all layers did at inference, and the gates for them.
  [[nodiscard]] executed_work work() const {
    executed_work sum;
    for (const convolution_layer* layer : convolutions_) sum += layer->statistics.work();
    for (const auto* layer : linears_) sum += layer->work;
    return sum;
  }
  [[nodiscard]] Index gate_macs() const {
    Index sum = 0;
    for (const convolution_layer* layer : convolutions_) sum += layer->statistics.gate_macs();
    return sum;
  }
  void clear_statistics() noexcept {
    for (convolution_layer* layer : convolutions_) layer->statistics.clear();
    for (auto* layer : linears_) layer->work = {};
  }

  /// Measures, for batches of `samples`, from which share on each layer is faster dense on this
  /// machine, and computes it so from then on. See `measure_gated_crossover`.
  void measure_crossovers(const gated_crossover_options& options = {}) {
    for (convolution_layer* layer : convolutions_)
      layer->fast.set_options(measure_gated_crossover(layer->fast, options).options());
    for (auto* layer : linears_)
      layer->fast.set_options(measure_gated_crossover(layer->fast, options).options());
  }
  /// The same share for every layer.
  void set_dense_from(double share) {
    for (convolution_layer* layer : convolutions_) layer->fast.set_options({.dense_from = share});
    for (auto* layer : linears_) layer->fast.set_options({.dense_from = share});
  }

 private:
  [[nodiscard]] prunus::detail::open_work<S> count_open_work(Index batch) const {
    prunus::detail::open_work<S> work;
    for (const convolution_layer* layer : convolutions_)
      work.add(*layer->in, *layer->out, layer->pair_macs());
    for (const auto* layer : linears_)
      work.add(*layer->in, *layer->out, static_cast<double>(layer->in->plane()));
    work.count(batch);
    return work;
  }

  static Index checked_shards(Index shards) {
    if (shards < 1)
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("gated_network: ", shards, " shards; a batch has at least 1"));
    return shards;
  }

  void check_differentiable() const {
    if (differentiable_ == 0)
      throw state_error(errc::wrong_order,
                        "gated_network: call forward in training mode before its gradient");
  }

  template <class F>
  static void visit(any_layer& layer, const F& f) {
    std::visit(
        [&](auto& held) {
          if constexpr (requires { *held; })
            f(*held);
          else
            f(held);
        },
        layer);
  }
  template <class F>
  void each_layer(const F& f) {
    for (any_layer& layer : layers_) visit(layer, f);
  }

  [[nodiscard]] prunus::detail::borrowed_parameter<S> borrow(std::string_view node,
                                                             std::string_view suffix) const {
    const parameter<S>* p = backbone_->model().find(prunus::detail::concat(node, ".", suffix));
    if (p == nullptr) return {};
    return {p->weight.data, p->options.gradient.data};
  }

  template <class MakeGate>
  void add_layer(const resolved_graph& graph, std::size_t i, const MakeGate& make_gate) {
    const resolved_graph::node& node = graph.nodes[i];
    tensor& out = tensors_[i];
    const auto from = [&](std::size_t k) -> tensor& {
      return tensors_[tensor_of_[node.inputs[k]]];
    };
    if (node.operation.is<operation::input>()) {
      input_ = &out;
      out.has_gradient = false;
    } else if (node.operation.is<operation::convolution>()) {
      add_convolution(graph, i, make_gate);
    } else if (node.operation.is<operation::linear>()) {
      if (from(0).shape.plane() != 1) refuse(node, "a linear layer over positions");
      auto layer = std::make_unique<prunus::detail::gated_linear_layer<S>>(
          from(0), out, borrow(node.name, "weight"), borrow(node.name, "bias"));
      linears_.push_back(layer.get());
      layers_.emplace_back(std::move(layer));
    } else if (const auto* pool = node.operation.as<operation::pooling>()) {
      add_pooling(from(0), out, *pool);
    } else if (const auto* whole = node.operation.as<operation::global_pooling>()) {
      const extent2 window(from(0).shape.height, from(0).shape.width);
      add_pooling(from(0), out, {whole->function, window, window, 0});
    } else if (node.operation.is<operation::add>()) {
      prunus::detail::gated_sum_layer<S> layer{{}, &out};
      for (std::size_t k = 0; k < node.inputs.size(); ++k) layer.in.push_back(&from(k));
      layers_.emplace_back(std::move(layer));
    } else if (const bool relu = is_relu(node); relu || node.operation.is<operation::flatten>()) {
      const auto* flatten = node.operation.as<operation::flatten>();
      if (flatten != nullptr && flatten->channels_last) refuse(node, "channels last");
      out.follow(from(0));
      layers_.emplace_back(prunus::detail::gated_copy_layer<S>{&from(0), &out, relu});
    } else {
      refuse(node, "this operation");
    }
  }

  [[noreturn]] static void refuse(const resolved_graph::node& node, std::string_view what) {
    throw argument_error(
        errc::unsupported,
        prunus::detail::concat("gated_network: node ", node.name, ": ", what,
                               " is not supported; convolutions with or without a normalisation "
                               "behind them, rectifiers, pooling, sums, flattening and linear "
                               "layers are"));
  }
  [[nodiscard]] static bool is_relu(const resolved_graph::node& node) {
    const auto* f = node.operation.as<operation::activation>();
    return f != nullptr && f->function == operation::activation::kind::relu;
  }

  template <class MakeGate>
  void add_convolution(const resolved_graph& graph, std::size_t i, const MakeGate& make_gate) {
    const resolved_graph::node& node = graph.nodes[i];
    const auto& op = *node.operation.as<operation::convolution>();
    typename convolution_layer::parameters tensors;
    tensors.weight = borrow(node.name, "weight");
    tensors.bias = borrow(node.name, "bias");
    std::size_t last = i;  // of the nodes that become one layer
    const auto next = [&]() -> const resolved_graph::node* {
      const auto& readers = graph.nodes[last].consumers;
      return readers.size() == 1 && !graph.nodes[last].is_output ? &graph.nodes[readers.front()]
                                                                 : nullptr;
    };
    const auto take = [&] {
      last = graph.nodes[last].consumers.front();
      tensor_of_[last] = i;
    };
    if (const auto* n = next(); n != nullptr)
      if (const auto* bn = n->operation.template as<operation::batch_norm>()) {
        tensors.normalization = *bn;
        tensors.scale = borrow(n->name, "weight");
        tensors.shift = borrow(n->name, "bias");
        tensors.running_mean = borrow(n->name, "running_mean");
        tensors.running_variance = borrow(n->name, "running_var");
        take();
      }
    const auto* follower = next();
    const bool relu = follower != nullptr && is_relu(*follower);
    if (relu) take();
    tensor& in = tensors_[tensor_of_[node.inputs.front()]];
    tensor& out = tensors_[i];
    const Index looks_at = source_ == gate_source::input ? in.shape.channels : op.out_channels;
    std::optional<Gate> gate;
    if (relu) gate = make_gate(std::string_view(node.name), looks_at, op.out_channels);
    if (gate && (gate->features() != looks_at || gate->channels() != op.out_channels))
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("gated_network: the gate of ", node.name, " looks at ",
                                 gate->features(), " and opens ", gate->channels(),
                                 " channels; expected ", looks_at, " and ", op.out_channels));
    if (gate) {
      out.open = &out.flags;
      out.flagged = op.out_channels;
    }
    auto layer = std::make_unique<convolution_layer>(
        prunus::detail::concat(node.name, ".weight"),
        convolution_shape{in.shape.channels, op.out_channels, in.shape.height, in.shape.width,
                          op.kernel.height, op.kernel.width, op.stride.height, op.stride.width,
                          op.padding.height, op.padding.width, op.groups},
        tensors, relu, std::move(gate), source_);
    layer->in = &in;
    layer->out = &out;
    convolutions_.push_back(layer.get());
    layers_.emplace_back(std::move(layer));
  }

  void add_pooling(tensor& in, tensor& out, const operation::pooling& op) {
    out.follow(in);
    layers_.emplace_back(prunus::detail::gated_pooling_layer<S>{
        &in,
        &out,
        {in.shape.height, in.shape.width, op.kernel.height, op.kernel.width, op.stride.height,
         op.stride.width, op.padding.height, op.padding.width},
        op.function == operation::pooling::kind::max});
  }

  network<S>* backbone_;
  gate_source source_;
  prunus::detail::sample_shards shards_;
  std::vector<tensor> tensors_;  // one a node; of merged nodes the first one's is used
  std::vector<std::size_t> tensor_of_;
  std::vector<any_layer> layers_;
  std::vector<convolution_layer*> convolutions_;
  std::vector<prunus::detail::gated_linear_layer<S>*> linears_;
  tensor* input_ = nullptr;
  tensor* output_ = nullptr;
  Index differentiable_ = 0;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
