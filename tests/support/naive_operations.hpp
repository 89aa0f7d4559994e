// SPDX-License-Identifier: MIT
#pragma once

// The table of the oracle in naive_graph.hpp: what every operation of a graph makes of the shapes
// and values that it reads, as the loop that its definition says, in double. Nothing of the library
// is used but the attributes.

#include <prunus/structure/operation.hpp>

#include <algorithm>   // std::max, std::max_element, std::min
#include <cmath>       // std::exp, std::erf, std::sqrt, std::tanh
#include <cstddef>     // std::size_t
#include <functional>  // std::function
#include <limits>      // std::numeric_limits
#include <map>         // std::map
#include <stdexcept>   // std::logic_error
#include <string>      // std::string
#include <vector>      // std::vector

namespace naive {

using prunus::Index;
using values = std::vector<double>;
using named_values = std::map<std::string, values>;

struct shape {
  Index channels = 1, height = 1, width = 1;
  friend bool operator==(const shape&, const shape&) = default;
};
using shapes = std::vector<shape>;

/// Values of a shape, channel after channel and row after row.
struct tensor {
  naive::shape shape;
  values data;
  double operator()(Index c, Index y, Index x) const {
    return data.at(static_cast<std::size_t>((c * shape.height + y) * shape.width + x));
  }
};
using tensors = std::vector<tensor>;

/// A tensor that belongs to a node. Its values come with the out channel as the slowest axis, also
/// where the shape has it last: the tables of embeddings.
struct parameter {
  std::string suffix;
  std::vector<Index> shape;  ///< as PyTorch has it
  bool trained = true;

  Index size() const {
    Index product = 1;
    for (const Index extent : shape) product *= extent;
    return product;
  }
};

struct computed {
  values data;
  Index macs = 0;
};

/// What one node is, all worked out from the definition of its operation and the shapes that it
/// reads. Without `compute` its values are given from outside.
struct operation {
  naive::shape shape;
  std::vector<parameter> parameters = {};
  /// From the inputs and the parameters by suffix.
  std::function<computed(const tensors&, const named_values&)> compute = {};
};

/// Calls f(c, y, x) for every value of a shape, in their order, and keeps what it returns.
template <class Function>
values filled(const shape& s, const Function& f) {
  values result;
  for (Index c = 0; c < s.channels; ++c)
    for (Index y = 0; y < s.height; ++y)
      for (Index x = 0; x < s.width; ++x) result.push_back(f(c, y, x));
  return result;
}
/// Windows of `kernel` in a line of `size` with zeros around it: one every `stride`, none that
/// sticks out.
inline Index windows(Index size, Index kernel, Index stride, Index padding) {
  Index count = 0;
  for (Index first = -padding; first + kernel <= size + padding; first += stride) ++count;
  return count;
}
/// Calls f(ky, kx, row, column) for the positions of a window of `op` that lie in the plane.
template <class Operation, class Function>
void for_each_in_window(const Operation& op, const shape& plane, Index y, Index x,
                        const Function& f) {
  for (Index ky = 0; ky < op.kernel.height; ++ky)
    for (Index kx = 0; kx < op.kernel.width; ++kx) {
      const Index row = y * op.stride.height + ky - op.padding.height;
      const Index column = x * op.stride.width + kx - op.padding.width;
      if (row >= 0 && row < plane.height && column >= 0 && column < plane.width)
        f(ky, kx, row, column);
    }
}
/// The values as they are, in another shape or the same.
inline operation unchanged(const shape& s) {
  return {s, {}, [](const tensors& in, const named_values&) { return computed{in.at(0).data}; }};
}
/// One number of each value.
template <class Function>
operation of_each_value(const shape& s, const Function& f) {
  return {s, {}, [f](const tensors& in, const named_values&) {
            computed result{in.at(0).data};
            for (double& x : result.data) x = f(x);
            return result;
          }};
}

// The table: one function for each operation of the library.

inline operation twin(const prunus::operation::input& op, const shapes&) {
  return {{op.shape.channels, op.shape.height, op.shape.width}};
}
inline operation twin(const prunus::operation::convolution& op, const shapes& from) {
  const shape in = from.at(0);
  const shape out{op.out_channels,
                  windows(in.height, op.kernel.height, op.stride.height, op.padding.height),
                  windows(in.width, op.kernel.width, op.stride.width, op.padding.width)};
  const Index reads = in.channels / op.groups, makes = op.out_channels / op.groups;
  operation result{out, {{"weight", {out.channels, reads, op.kernel.height, op.kernel.width}}}};
  if (op.bias) result.parameters.push_back({"bias", {out.channels}});
  result.compute = [=](const tensors& x, const named_values& p) {
    const values& w = p.at("weight");
    computed done;
    done.data = filled(out, [&](Index o, Index row, Index column) {
      double sum = op.bias ? p.at("bias").at(static_cast<std::size_t>(o)) : 0.0;
      for (Index i = 0; i < reads; ++i) {
        done.macs += op.kernel.height * op.kernel.width;  // positions in the padding count
        for_each_in_window(op, in, row, column, [&](Index ky, Index kx, Index r, Index c) {
          const Index at = ((o * reads + i) * op.kernel.height + ky) * op.kernel.width + kx;
          sum += w.at(static_cast<std::size_t>(at)) * x[0](o / makes * reads + i, r, c);
        });
      }
      return sum;
    });
    return done;
  };
  return result;
}
inline operation twin(const prunus::operation::linear& op, const shapes& from) {
  const shape in = from.at(0), out{op.out_features, in.height, in.width};
  operation result{out, {{"weight", {out.channels, in.channels}}}};
  if (op.bias) result.parameters.push_back({"bias", {out.channels}});
  result.compute = [=](const tensors& x, const named_values& p) {
    computed done;
    done.data = filled(out, [&](Index o, Index row, Index column) {
      double sum = op.bias ? p.at("bias").at(static_cast<std::size_t>(o)) : 0.0;
      for (Index i = 0; i < in.channels; ++i, ++done.macs)
        sum +=
            p.at("weight").at(static_cast<std::size_t>(o * in.channels + i)) * x[0](i, row, column);
      return sum;
    });
    return done;
  };
  return result;
}
inline operation twin(const prunus::operation::batch_norm& op, const shapes& from) {
  const shape s = from.at(0);
  return {s,
          {{"weight", {s.channels}},
           {"bias", {s.channels}},
           {"running_mean", {s.channels}, false},
           {"running_var", {s.channels}, false}},
          [=](const tensors& in, const named_values& p) {
            return computed{filled(s, [&](Index c, Index y, Index x) {
              const auto k = static_cast<std::size_t>(c);
              return p.at("weight").at(k) * (in[0](c, y, x) - p.at("running_mean").at(k)) /
                         std::sqrt(p.at("running_var").at(k) + op.epsilon) +
                     p.at("bias").at(k);
            })};
          }};
}
inline operation twin(const prunus::operation::layer_norm& op, const shapes& from) {
  const shape s = from.at(0);
  return {s,
          {{"weight", {s.channels}}, {"bias", {s.channels}}},
          [=](const tensors& in, const named_values& p) {
            const auto count = static_cast<double>(s.channels);
            return computed{filled(s, [&](Index c, Index y, Index x) {
              double mean = 0, variance = 0;
              for (Index k = 0; k < s.channels; ++k) mean += in[0](k, y, x) / count;
              for (Index k = 0; k < s.channels; ++k) {
                const double d = in[0](k, y, x) - mean;
                variance += d * d / count;
              }
              return (in[0](c, y, x) - mean) / std::sqrt(variance + op.epsilon) *
                         p.at("weight").at(static_cast<std::size_t>(c)) +
                     p.at("bias").at(static_cast<std::size_t>(c));
            })};
          }};
}
inline operation twin(const prunus::operation::activation& op, const shapes& from) {
  return of_each_value(from.at(0), [op](double x) {
    using kind = prunus::operation::activation_function;
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
    throw std::logic_error("naive: an activation that it does not know");
  });
}
inline operation twin(const prunus::operation::dropout&, const shapes& from) {
  return unchanged(from.at(0));
}
inline operation twin(const prunus::operation::add&, const shapes& from) {
  const shape s = from.at(0);
  return {s, {}, [s](const tensors& in, const named_values&) {
            return computed{filled(s, [&](Index c, Index y, Index x) {
              double sum = 0;
              for (const tensor& t : in) sum += t(c, y, x);
              return sum;
            })};
          }};
}
inline operation twin(const prunus::operation::multiply&, const shapes& from) {
  shape s = from.at(0);
  for (const shape& factor : from) {
    s.height = std::max(s.height, factor.height);
    s.width = std::max(s.width, factor.width);
  }
  return {s, {}, [s](const tensors& in, const named_values&) {
            return computed{filled(s, [&](Index c, Index y, Index x) {
              double product = 1;
              for (const tensor& t : in)
                product *= t(c, t.shape.height == 1 ? 0 : y, t.shape.width == 1 ? 0 : x);
              return product;
            })};
          }};
}
inline operation twin(const prunus::operation::concat&, const shapes& from) {
  shape s{0, from.at(0).height, from.at(0).width};
  for (const shape& part : from) s.channels += part.channels;
  return {s, {}, [](const tensors& in, const named_values&) {
            computed result;
            for (const tensor& t : in)
              result.data.insert(result.data.end(), t.data.begin(), t.data.end());
            return result;
          }};
}
inline operation twin(const prunus::operation::pad_channels& op, const shapes& from) {
  const shape in = from.at(0), s{op.before + in.channels + op.after, in.height, in.width};
  return {s, {}, [=](const tensors& t, const named_values&) {
            return computed{filled(s, [&](Index c, Index y, Index x) {
              const bool is_padding = c < op.before || c - op.before >= in.channels;
              return is_padding ? 0.0 : t[0](c - op.before, y, x);
            })};
          }};
}
inline operation twin(const prunus::operation::flatten& op, const shapes& from) {
  const shape in = from.at(0), s{in.channels * in.height * in.width, 1, 1};
  if (!op.channels_last) return unchanged(s);
  return {s, {}, [in](const tensors& t, const named_values&) {
            computed result;
            for (Index y = 0; y < in.height; ++y)
              for (Index x = 0; x < in.width; ++x)
                for (Index c = 0; c < in.channels; ++c) result.data.push_back(t[0](c, y, x));
            return result;
          }};
}
inline operation twin(const prunus::operation::pooling& op, const shapes& from) {
  const shape in = from.at(0);
  const shape s{in.channels,
                windows(in.height, op.kernel.height, op.stride.height, op.padding.height),
                windows(in.width, op.kernel.width, op.stride.width, op.padding.width)};
  return {s, {}, [=](const tensors& t, const named_values&) {
            const auto area = static_cast<double>(op.kernel.height * op.kernel.width);
            return computed{filled(s, [&](Index c, Index y, Index x) {
              double best = -std::numeric_limits<double>::infinity(), sum = 0;
              for_each_in_window(op, in, y, x, [&](Index, Index, Index row, Index column) {
                best = std::max(best, t[0](c, row, column));
                sum += t[0](c, row, column);
              });
              return op.function == prunus::operation::pooling_function::max ? best : sum / area;
            })};
          }};
}
inline operation twin(const prunus::operation::global_pooling& op, const shapes& from) {
  const shape in = from.at(0);
  return {{in.channels, 1, 1}, {}, [=](const tensors& t, const named_values&) {
            const auto area = static_cast<double>(in.height * in.width);
            return computed{filled({in.channels, 1, 1}, [&](Index c, Index, Index) {
              double best = -std::numeric_limits<double>::infinity(), sum = 0;
              for (Index y = 0; y < in.height; ++y)
                for (Index x = 0; x < in.width; ++x) {
                  best = std::max(best, t[0](c, y, x));
                  sum += t[0](c, y, x);
                }
              return op.function == prunus::operation::pooling_function::max ? best : sum / area;
            })};
          }};
}
inline operation twin(const prunus::operation::upsampling& op, const shapes& from) {
  const shape in = from.at(0);
  const shape s{in.channels, in.height * op.factor.height, in.width * op.factor.width};
  return {s, {}, [=](const tensors& t, const named_values&) {
            return computed{filled(s, [&](Index c, Index y, Index x) {
              return t[0](c, y / op.factor.height, x / op.factor.width);
            })};
          }};
}
inline operation twin(const prunus::operation::split_heads& op, const shapes& from) {
  const shape in = from.at(0);
  return unchanged({op.heads, in.channels / op.heads * in.height, in.width});
}
inline operation twin(const prunus::operation::merge_heads& op, const shapes& from) {
  const shape in = from.at(0);
  return unchanged({in.channels * op.features, in.height / op.features, in.width});
}
inline operation twin(const prunus::operation::attention& op, const shapes& from) {
  const shape query = from.at(0), key = from.at(1), value = from.at(2);
  const shape s{value.channels, query.height, query.width};
  const Index d = query.channels / op.heads, e = value.channels / op.heads;
  const Index rows = query.height * query.width, columns = key.height * key.width;
  return {s, {}, [=](const tensors& in, const named_values&) {
            const auto at = [](const tensor& t, Index c, Index position) {
              return t(c, position / t.shape.width, position % t.shape.width);
            };
            computed done{values(static_cast<std::size_t>(value.channels * rows))};
            for (Index h = 0; h < op.heads; ++h)
              for (Index i = 0; i < rows; ++i) {
                values weight(static_cast<std::size_t>(columns));
                for (Index j = 0; j < columns; ++j)
                  for (Index c = h * d; c < (h + 1) * d; ++c, ++done.macs)
                    weight[static_cast<std::size_t>(j)] +=
                        at(in[0], c, i) * at(in[1], c, j) / std::sqrt(static_cast<double>(d));
                const double largest = *std::max_element(weight.begin(), weight.end());
                double sum = 0;
                for (double& w : weight) sum += w = std::exp(w - largest);
                for (Index c = h * e; c < (h + 1) * e; ++c)
                  for (Index j = 0; j < columns; ++j, ++done.macs)
                    done.data[static_cast<std::size_t>(c * rows + i)] +=
                        weight[static_cast<std::size_t>(j)] / sum * at(in[2], c, j);
              }
            return done;
          }};
}
inline operation twin(const prunus::operation::embedding& op, const shapes& from) {
  const shape s{op.features, from.at(0).height, from.at(0).width};
  return {
      s, {{"weight", {op.vocabulary, op.features}}}, [=](const tensors& in, const named_values& p) {
        return computed{filled(s, [&](Index c, Index y, Index x) {
          const auto token = static_cast<Index>(in[0](0, y, x));
          return p.at("weight").at(static_cast<std::size_t>(c * op.vocabulary + token));
        })};
      }};
}
inline operation twin(const prunus::operation::position_embedding&, const shapes& from) {
  const shape s = from.at(0);
  return {s,
          {{"weight", {s.height * s.width, s.channels}}},
          [=](const tensors& in, const named_values& p) {
            const tensor places{s, p.at("weight")};
            return computed{filled(
                s, [&](Index c, Index y, Index x) { return in[0](c, y, x) + places(c, y, x); })};
          }};
}

}  // namespace naive
