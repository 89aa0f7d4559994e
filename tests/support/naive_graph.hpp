// SPDX-License-Identifier: MIT
#pragma once

// An oracle that shares nothing with the library but the description of a graph: every operation is
// the loop that its definition says, in double, over tensors in PyTorch's order. It also counts
// multiply-adds where they happen.

#include <prunus/core/model.hpp>
#include <prunus/core/named_tensor.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>    // std::max, std::max_element, std::min
#include <cmath>        // std::exp, std::erf, std::sqrt, std::tanh
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <map>          // std::map
#include <string>       // std::string
#include <type_traits>  // std::is_same_v
#include <variant>      // std::visit
#include <vector>       // std::vector

namespace naive {

using prunus::Index;
using values = std::vector<double>;
using named_values = std::map<std::string, values>;

/// A weight in PyTorch's order, whatever its memory order.
template <class S>
values in_usual_order(const prunus::weight_view<S>& w) {
  values result;
  for (Index o = 0; o < w.extent(prunus::axis::out); ++o)
    for (Index i = 0; i < w.extent(prunus::axis::in); ++i)
      for (Index y = 0; y < w.extent(prunus::axis::height); ++y)
        for (Index x = 0; x < w.extent(prunus::axis::width); ++x)
          result.push_back(static_cast<double>(w(o, i, y, x)));
  return result;
}
template <class S>
named_values tensors_of(const prunus::model<S>& net) {
  named_values result;
  for (const prunus::parameter<S>& p : net.parameters()) result[p.name] = in_usual_order(p.weight);
  return result;
}
template <class S>
named_values tensors_of(const std::vector<prunus::named_tensor<S>>& tensors) {
  named_values result;
  for (const prunus::named_tensor<S>& t : tensors) result[t.name] = in_usual_order(t.view());
  return result;
}

/// Results of all nodes, channel after channel and row after row, and the multiply-adds that it
/// took.
struct evaluation {
  std::vector<values> results;
  Index macs = 0;
};

namespace detail {

inline double activated(const prunus::operation::activation& op, double x) {
  using kind = prunus::operation::activation::kind;
  switch (op.function) {
    case kind::identity:
      return x;
    case kind::relu:
      return std::max(x, 0.0);
    case kind::leaky_relu:
      return x < 0 ? op.slope * x : x;
    case kind::relu6:
      return std::min(std::max(x, 0.0), 6.0);
    case kind::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case kind::tanh:
      return std::tanh(x);
    case kind::silu:
      return x * (1.0 / (1.0 + std::exp(-x)));
    case kind::gelu:
      return 0.5 * x * (1.0 + std::erf(x * std::sqrt(0.5)));
    case kind::hard_swish:
      return x * std::min(std::max(x + 3.0, 0.0), 6.0) / 6.0;
  }
  return x;
}

struct node_evaluation {
  const prunus::resolved_graph& network;
  const named_values& tensors;
  const named_values& inputs;
  evaluation& sofar;
  std::size_t n;

  const prunus::resolved_graph::node& node() const { return network.nodes[n]; }
  const prunus::tensor_shape& shape() const { return node().shape; }
  const prunus::tensor_shape& shape_of_input(std::size_t k = 0) const {
    return network.nodes[node().inputs[k]].shape;
  }
  const values& input(std::size_t k = 0) const { return sofar.results[node().inputs[k]]; }
  const values& tensor(const char* suffix) const { return tensors.at(node().name + "." + suffix); }
  static std::size_t at(const prunus::tensor_shape& s, Index c, Index y, Index x) {
    return static_cast<std::size_t>((c * s.height + y) * s.width + x);
  }
  template <class Function>
  values filled(const Function& f) const {
    values result;
    for (Index c = 0; c < shape().channels; ++c)
      for (Index y = 0; y < shape().height; ++y)
        for (Index x = 0; x < shape().width; ++x) result.push_back(f(c, y, x));
    return result;
  }

  values operator()(const prunus::operation::input&) const { return inputs.at(node().name); }
  values operator()(const prunus::operation::convolution& op) const {
    const prunus::tensor_shape from = shape_of_input();
    const Index per_group = from.channels / op.groups, outs = op.out_channels / op.groups;
    const values &in = input(), &w = tensor("weight");
    const values* bias = op.bias ? &tensor("bias") : nullptr;
    return filled([&](Index o, Index y, Index x) {
      double sum = bias == nullptr ? 0.0 : (*bias)[static_cast<std::size_t>(o)];
      for (Index i = 0; i < per_group; ++i)
        for (Index ky = 0; ky < op.kernel.height; ++ky)
          for (Index kx = 0; kx < op.kernel.width; ++kx) {
            ++sofar.macs;
            const Index row = y * op.stride.height + ky - op.padding.height;
            const Index column = x * op.stride.width + kx - op.padding.width;
            if (row < 0 || row >= from.height || column < 0 || column >= from.width) continue;
            sum += w[static_cast<std::size_t>(
                       ((o * per_group + i) * op.kernel.height + ky) * op.kernel.width + kx)] *
                   in[at(from, o / outs * per_group + i, row, column)];
          }
      return sum;
    });
  }
  values operator()(const prunus::operation::linear& op) const {
    const Index reads = shape_of_input().channels;
    const values &in = input(), &w = tensor("weight");
    const values* bias = op.bias ? &tensor("bias") : nullptr;
    return filled([&](Index o, Index y, Index x) {
      double sum = bias == nullptr ? 0.0 : (*bias)[static_cast<std::size_t>(o)];
      for (Index i = 0; i < reads; ++i) {
        ++sofar.macs;
        sum += w[static_cast<std::size_t>(o * reads + i)] * in[at(shape_of_input(), i, y, x)];
      }
      return sum;
    });
  }
  values operator()(const prunus::operation::batch_norm& op) const {
    const values &in = input(), &scale = tensor("weight"), &shift = tensor("bias"),
                 &mean = tensor("running_mean"), &variance = tensor("running_var");
    return filled([&](Index c, Index y, Index x) {
      const std::size_t k = static_cast<std::size_t>(c);
      return scale[k] * (in[at(shape(), c, y, x)] - mean[k]) / std::sqrt(variance[k] + op.epsilon) +
             shift[k];
    });
  }
  values operator()(const prunus::operation::layer_norm& op) const {
    const values &in = input(), &scale = tensor("weight"), &shift = tensor("bias");
    const double count = static_cast<double>(shape().channels);
    return filled([&](Index c, Index y, Index x) {
      double mean = 0, variance = 0;
      for (Index k = 0; k < shape().channels; ++k) mean += in[at(shape(), k, y, x)] / count;
      for (Index k = 0; k < shape().channels; ++k) {
        const double d = in[at(shape(), k, y, x)] - mean;
        variance += d * d / count;
      }
      return (in[at(shape(), c, y, x)] - mean) / std::sqrt(variance + op.epsilon) *
                 scale[static_cast<std::size_t>(c)] +
             shift[static_cast<std::size_t>(c)];
    });
  }
  values operator()(const prunus::operation::activation& op) const {
    values result = input();
    for (double& x : result) x = activated(op, x);
    return result;
  }
  values operator()(const prunus::operation::dropout&) const { return input(); }
  values operator()(const prunus::operation::add&) const {
    return filled([&](Index c, Index y, Index x) {
      double sum = 0;
      for (std::size_t k = 0; k < node().inputs.size(); ++k) sum += input(k)[at(shape(), c, y, x)];
      return sum;
    });
  }
  values operator()(const prunus::operation::multiply&) const {
    return filled([&](Index c, Index y, Index x) {
      double product = 1;
      for (std::size_t k = 0; k < node().inputs.size(); ++k) {
        const prunus::tensor_shape s = shape_of_input(k);
        product *= input(k)[at(s, c, s.height == 1 ? 0 : y, s.width == 1 ? 0 : x)];
      }
      return product;
    });
  }
  values operator()(const prunus::operation::concat&) const {
    values result;
    for (std::size_t k = 0; k < node().inputs.size(); ++k)
      result.insert(result.end(), input(k).begin(), input(k).end());
    return result;
  }
  values operator()(const prunus::operation::pad_channels& op) const {
    return filled([&](Index c, Index y, Index x) {
      const bool is_padding = c < op.before || c - op.before >= shape_of_input().channels;
      return is_padding ? 0.0 : input()[at(shape_of_input(), c - op.before, y, x)];
    });
  }
  values operator()(const prunus::operation::flatten& op) const {
    if (!op.channels_last) return input();
    const prunus::tensor_shape from = shape_of_input();
    values result;
    for (Index y = 0; y < from.height; ++y)
      for (Index x = 0; x < from.width; ++x)
        for (Index c = 0; c < from.channels; ++c) result.push_back(input()[at(from, c, y, x)]);
    return result;
  }
  values operator()(const prunus::operation::pooling& op) const {
    const prunus::tensor_shape from = shape_of_input();
    const bool is_max = op.function == prunus::operation::pooling::kind::max;
    return filled([&](Index c, Index y, Index x) {
      double best = -std::numeric_limits<double>::infinity(), sum = 0;
      for (Index ky = 0; ky < op.kernel.height; ++ky)
        for (Index kx = 0; kx < op.kernel.width; ++kx) {
          const Index row = y * op.stride.height + ky - op.padding.height;
          const Index column = x * op.stride.width + kx - op.padding.width;
          if (row < 0 || row >= from.height || column < 0 || column >= from.width) continue;
          best = std::max(best, input()[at(from, c, row, column)]);
          sum += input()[at(from, c, row, column)];
        }
      return is_max ? best : sum / static_cast<double>(op.kernel.area());
    });
  }
  values operator()(const prunus::operation::global_pooling& op) const {
    const prunus::tensor_shape from = shape_of_input();
    const bool is_max = op.function == prunus::operation::pooling::kind::max;
    return filled([&](Index c, Index, Index) {
      double best = -std::numeric_limits<double>::infinity(), sum = 0;
      for (Index y = 0; y < from.height; ++y)
        for (Index x = 0; x < from.width; ++x) {
          best = std::max(best, input()[at(from, c, y, x)]);
          sum += input()[at(from, c, y, x)];
        }
      return is_max ? best : sum / static_cast<double>(from.plane());
    });
  }
  values operator()(const prunus::operation::upsampling& op) const {
    return filled([&](Index c, Index y, Index x) {
      return input()[at(shape_of_input(), c, y / op.factor.height, x / op.factor.width)];
    });
  }
  values operator()(const prunus::operation::attention& op) const {
    const prunus::tensor_shape from = shape_of_input(0), keys = shape_of_input(1);
    const Index d = from.channels / op.heads, e = shape().channels / op.heads;
    const Index rows = from.plane(), columns = keys.plane();
    values result(static_cast<std::size_t>(shape().size()));
    const auto index = [](Index c, Index plane, Index p) {
      return static_cast<std::size_t>(c * plane + p);
    };
    for (Index h = 0; h < op.heads; ++h)
      for (Index i = 0; i < rows; ++i) {
        values weight(static_cast<std::size_t>(columns));
        for (Index j = 0; j < columns; ++j)
          for (Index c = h * d; c < (h + 1) * d; ++c, ++sofar.macs)
            weight[static_cast<std::size_t>(j)] += input(0)[index(c, rows, i)] *
                                                   input(1)[index(c, columns, j)] /
                                                   std::sqrt(static_cast<double>(d));
        const double largest = *std::max_element(weight.begin(), weight.end());
        double sum = 0;
        for (double& w : weight) sum += w = std::exp(w - largest);
        for (Index c = h * e; c < (h + 1) * e; ++c)
          for (Index j = 0; j < columns; ++j, ++sofar.macs)
            result[index(c, rows, i)] +=
                weight[static_cast<std::size_t>(j)] / sum * input(2)[index(c, columns, j)];
      }
    return result;
  }
  values operator()(const prunus::operation::embedding& op) const {
    return filled([&](Index c, Index y, Index x) {
      const Index token = static_cast<Index>(input()[at(shape(), 0, y, x)]);
      return tensor("weight")[static_cast<std::size_t>(c * op.vocabulary + token)];
    });
  }
  values operator()(const prunus::operation::position_embedding&) const {
    return filled([&](Index c, Index y, Index x) {
      return input()[at(shape(), c, y, x)] + tensor("weight")[at(shape(), c, y, x)];
    });
  }
  values operator()(const prunus::operation::split_heads&) const { return input(); }
  values operator()(const prunus::operation::merge_heads&) const { return input(); }
};

}  // namespace detail

/// Evaluates one sample. `inputs`: the values of each input node by its name.
inline evaluation evaluate(const prunus::resolved_graph& network, const named_values& tensors,
                           const named_values& inputs) {
  evaluation result;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    result.results.push_back(std::visit(
        detail::node_evaluation{network, tensors, inputs, result, n}, network.nodes[n].operation));
  return result;
}

}  // namespace naive
