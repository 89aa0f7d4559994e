// SPDX-License-Identifier: MIT
#include <prunus/core/named_tensors.hpp>
#include <prunus/io/safetensors.hpp>
#include <prunus/io/stored_type.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace {

using prunus::axis;
using prunus::errc;
using prunus::Index;
using prunus::named_tensor;
using prunus::named_tensors;
using prunus::safetensors;
using prunus::stored_type;

std::string length_of(std::uint64_t length) {
  std::string bytes;
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(length >> shift & 0xff);
  return bytes;
}
/// A file by hand: length, header, data.
std::string file_of(const std::string& header, const std::string& data = "") {
  return length_of(header.size()) + header + data;
}
std::string tensor_of(const std::string& name, const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}
std::string bytes_of(std::initializer_list<int> values) {
  std::string text;
  for (int value : values) text += static_cast<char>(value);
  return text;
}
support::thrown refusal(const std::string& bytes) {
  return support::error_of<prunus::file_error>(
      [&] { static_cast<void>(safetensors(bytes, "a file")); });
}
errc code_of_header(const std::string& header, const std::string& data = "") {
  return refusal(file_of(header, data)).code;
}

/// Checks that a file with this header is malformed and that the message says so by this part of
/// it.
void check_malformed(const std::string& header, const std::string& part,
                     const std::string& data = "x") {
  const support::thrown error = refusal(file_of(header, data));
  CAPTURE(header, part, error.message);
  CHECK(error.code == errc::malformed);
  CHECK(error.says(part));
}
std::string one_byte(const std::string& name) { return tensor_of(name, "U8", "[1]", "[0,1]"); }

named_tensor<float> small(std::string name, std::vector<float> values) {
  const Index size = static_cast<Index>(values.size());
  return {std::move(name),
          {1, 1, 1, size},
          {axis::in, axis::height, axis::width, axis::out},
          1,
          std::move(values)};
}

}  // namespace

TEST_CASE("a safetensors file made by hand is read", "[io][safetensors]") {
  // Two tensors and a text; the header names the second one first and ends in spaces.
  const std::string header = "{" + tensor_of("b", "U8", "[3]", "[8,11]") +
                             ",\"__metadata__\":{\"format\":\"pt\"}," +
                             tensor_of("a", "F32", "[1,2]", "[0,8]") + "}   ";
  const std::string data = bytes_of({0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x20, 0xc0, 7, 0, 255});
  const safetensors file(file_of(header, data));
  REQUIRE(file.entries().size() == 2);
  CHECK(file.entries()[0].name == "a");
  CHECK(file.entries()[0].type == stored_type::f32);
  CHECK(file.entries()[0].shape == std::vector<Index>{1, 2});
  CHECK(file.entries()[1].name == "b");
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  CHECK(file.values<float>("a") == std::vector<float>{1, -2.5F});
  CHECK(file.values<int>("b") == std::vector<int>{7, 0, 255});
  CHECK(file.bytes("b").size() == 3);
  CHECK(file.find("a") == &file.entries()[0]);
  CHECK(file.find("c") == nullptr);
  const named_tensor<float> a = file.tensor<float>("a");
  CHECK(a.rank == 2);
  CHECK(a.view().extent(axis::out) == 1);
  CHECK(a.view().extent(axis::in) == 2);
  CHECK(file.tensors<float>().size() == 1);
}

TEST_CASE("all types of numbers are read", "[io][safetensors]") {
  const std::string header =
      "{" + tensor_of("f16", "F16", "[3]", "[0,6]") + "," +
      tensor_of("bf16", "BF16", "[2]", "[6,10]") + "," + tensor_of("f64", "F64", "[]", "[10,18]") +
      "," + tensor_of("i64", "I64", "[1]", "[18,26]") + "," +
      tensor_of("i8", "I8", "[2]", "[26,28]") + "," + tensor_of("bool", "BOOL", "[2]", "[28,30]") +
      "," + tensor_of("u16", "U16", "[1]", "[30,32]") + "," +
      tensor_of("i32", "I32", "[1]", "[32,36]") + "," +
      tensor_of("none", "F32", "[0,3]", "[36,36]") + "}";
  const std::string data = bytes_of({0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00}) +  // 1, -2, 2^-24
                           bytes_of({0x80, 0x3f, 0x00, 0xc0}) +              // 1, -2
                           bytes_of({0, 0, 0, 0, 0, 0, 0xf8, 0x3f}) +        // 1.5
                           bytes_of({0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) +  // -2
                           bytes_of({0x80, 0x7f}) + bytes_of({1, 0}) + bytes_of({0x34, 0x12}) +
                           bytes_of({0x00, 0x00, 0x00, 0x80});
  const safetensors file(file_of(header, data));
  CHECK(file.values<float>("f16") == std::vector<float>{1, -2, 0x1p-24F});
  CHECK(file.values<double>("bf16") == std::vector<double>{1, -2});
  CHECK(file.values<Eigen::half>("f16")[1] == Eigen::half(-2));
  CHECK(file.values<Eigen::bfloat16>("bf16")[0] == Eigen::bfloat16(1));
  CHECK(file.values<double>("f64") == std::vector<double>{1.5});
  CHECK(file.tensor<double>("f64").rank == 0);
  CHECK(file.values<std::int64_t>("i64") == std::vector<std::int64_t>{-2});
  CHECK(file.values<int>("i64") == std::vector<int>{-2});
  CHECK(file.values<int>("i8") == std::vector<int>{-128, 127});
  CHECK(file.values<std::uint8_t>("bool") == std::vector<std::uint8_t>{1, 0});
  CHECK(file.values<int>("u16") == std::vector<int>{0x1234});
  CHECK(file.values<int>("i32") == std::vector<int>{std::numeric_limits<int>::min()});
  CHECK(file.values<float>("none").empty());

  const auto code = [&](const auto& call) {
    return support::code_of<prunus::argument_error>(call);
  };
  CHECK(code([&] { static_cast<void>(file.values<float>("f64")); }) == errc::unsupported);
  CHECK(code([&] { static_cast<void>(file.values<Eigen::half>("bf16")); }) == errc::unsupported);
  CHECK(code([&] { static_cast<void>(file.values<float>("i8")); }) == errc::unsupported);
  CHECK(code([&] { static_cast<void>(file.values<int>("f64")); }) == errc::unsupported);
  CHECK(code([&] { static_cast<void>(file.values<std::uint8_t>("i64")); }) == errc::out_of_range);
  CHECK(code([&] { static_cast<void>(file.values<std::int8_t>("u16")); }) == errc::out_of_range);
  CHECK(code([&] { static_cast<void>(file.values<float>("f32")); }) == errc::unknown_name);
  CHECK(code([&] { static_cast<void>(file.bytes("")); }) == errc::unknown_name);
  CHECK(file.tensor<float>("none").extents == std::array<Index, 4>{1, 1, 0, 3});
}

TEST_CASE("a weight of four axes is out x in x height x width", "[io][safetensors]") {
  std::vector<float> numbers(24);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  prunus::model<float> net;
  net.add("conv.weight", prunus::view(numbers, {2, 3, 2, 2}));
  const safetensors file(prunus::safetensors_bytes(net));
  CHECK(file.entries()[0].shape == std::vector<Index>{2, 3, 2, 2});
  const named_tensor<float> w = file.tensor<float>("conv.weight");
  CHECK(w.view()(1, 2, 0, 1) == 12 + 8 + 0 + 1);
  CHECK(w.values == numbers);
}

TEST_CASE("what is written is read again, bit for bit", "[io][safetensors]") {
  const named_tensors<float> tensors{
      small("a", {1, -0.0F, std::numeric_limits<float>::denorm_min()}),
      small("name with \"quotes\", \xc3\xa9 and \n", {std::numeric_limits<float>::infinity()})};
  const std::map<std::string, std::string> texts{{"arch", "a \"small\" one"}, {"", "\t"}};
  const std::string bytes = prunus::safetensors_bytes(tensors, texts);
  const safetensors file(bytes);
  CHECK(file.metadata() == texts);
  const auto read = file.tensors<float>();
  REQUIRE(read.size() == 2);
  for (std::size_t k = 0; k < 2; ++k) {
    const named_tensor<float>&got = *(read.begin() + static_cast<std::ptrdiff_t>(k)),
          &given = *(tensors.begin() + static_cast<std::ptrdiff_t>(k));
    CHECK(got.name == given.name);
    CHECK(got.extents == given.extents);
    CHECK(got.axes == given.axes);
    CHECK(got.rank == 1);
    CHECK(std::memcmp(got.values.data(), given.values.data(),
                      given.values.size() * sizeof(float)) == 0);
  }
  CHECK(prunus::safetensors_bytes(read, texts) == bytes);
}

TEMPLATE_TEST_CASE("weights of every scalar are written and read", "[io][safetensors]", float,
                   double, Eigen::half, Eigen::bfloat16) {
  std::vector<TestType> numbers{TestType(0.5F), TestType(-3), TestType(7), TestType(0)};
  prunus::model<TestType> net;
  net.add("fc.weight", prunus::view(numbers, {2, 2}));
  const safetensors file(prunus::safetensors_bytes(net));
  CHECK(file.entries()[0].type == prunus::stored_type_of<TestType>());
  CHECK(file.tensor<TestType>("fc.weight").values == numbers);
}

TEST_CASE("every memory order is written in the usual one", "[io][safetensors]") {
  Eigen::MatrixXf columns(2, 3);  // column-major
  columns << 1, 2, 3, 4, 5, 6;
  std::vector<float> keras(12);  // height x width x in x out
  for (std::size_t i = 0; i < keras.size(); ++i) keras[i] = static_cast<float>(i);
  prunus::model<float> net;
  net.add("fc.weight", prunus::view(columns));
  net.add("conv.weight", prunus::view(keras, {1, 2, 2, 3}, "HWIO"));
  const safetensors file(prunus::safetensors_bytes(net));
  CHECK(file.find("fc.weight")->shape == std::vector<Index>{2, 3});
  CHECK(file.values<float>("fc.weight") == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(file.find("conv.weight")->shape == std::vector<Index>{3, 2, 1, 2});
  CHECK(file.values<float>("conv.weight") ==
        std::vector<float>{0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11});
}

TEST_CASE("a written file has the layout of the format", "[io][safetensors]") {
  const std::string bytes = prunus::safetensors_bytes(named_tensors<float>{small("a", {1})});
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  CHECK(bytes == length_of(56) + header + std::string(56 - header.size(), ' ') +
                     bytes_of({0, 0, 0x80, 0x3f}));
  CHECK(prunus::safetensors_bytes(named_tensors<float>{}) == length_of(8) + "{}      ");
  CHECK(safetensors(length_of(2) + "{}").entries().empty());
}

TEST_CASE("safetensors files are written whole and read back", "[io][safetensors]") {
  const temporary_folder folder("safetensors");
  const std::string path = folder / "net.safetensors";
  prunus::write_safetensors(path, named_tensors<float>{small("a", {1, 2})}, {{"epoch", "3"}});
  CHECK(folder.files() == 1);
  const safetensors file = prunus::read_safetensors(path);
  CHECK(file.values<float>("a") == std::vector<float>{1, 2});
  CHECK(file.metadata().at("epoch") == "3");
  const std::string bytes = contents_of(path);
  CHECK(prunus::read_safetensors(std::as_bytes(std::span(bytes))).entries().size() == 1);

  CHECK(support::code_of<prunus::file_error>([&] {
          static_cast<void>(prunus::read_safetensors(folder / "nothing"));
        }) == errc::cannot_open);
  CHECK(support::code_of<prunus::file_error>([&] {
          prunus::write_safetensors(folder / "no/such/folder",
                                    named_tensors<float>{small("a", {1})});
        }) == errc::cannot_open);
}

TEST_CASE("what cannot be written is refused", "[io][safetensors]") {
  const auto code = [](named_tensors<float> tensors,
                       const std::map<std::string, std::string>& texts = {}) {
    return support::code_of<prunus::argument_error>(
        [&] { static_cast<void>(prunus::safetensors_bytes(tensors, texts)); });
  };
  CHECK(code({small("a", {1}), small("a", {1})}) == errc::duplicate_name);
  CHECK(code({small("", {1})}) == errc::unknown_name);
  CHECK(code({small("__metadata__", {1})}) == errc::unknown_name);
  CHECK(code({small("\xff", {1})}) == errc::unknown_name);
  CHECK(code({}, {{"key", "\xff"}}) == errc::unknown_name);
  named_tensor<float> five = small("a", {1});
  five.rank = 5;
  CHECK(code({five}) == errc::unsupported);
  named_tensor<float> wrong = small("a", {1});
  wrong.extents[3] = 2;
  CHECK(support::code_of<prunus::shape_error>([&] {
          static_cast<void>(prunus::safetensors_bytes(named_tensors<float>{wrong}));
        }) == errc::shape_mismatch);
}

TEST_CASE("a tensor of a type that is not computed with leaves the others readable",
          "[io][safetensors]") {
  struct foreign {
    const char* type;
    const char* shape;
    std::size_t bytes;
  };
  for (const foreign& f :
       {foreign{"F8_E4M3", "[8]", 8}, foreign{"F8_E5M2", "[2,4]", 8}, foreign{"F8_E8M0", "[8]", 8},
        foreign{"F4", "[2,3]", 3}, foreign{"F6_E2M3", "[4]", 3}, foreign{"C64", "[2]", 16},
        foreign{"I4_OF_TOMORROW", "[7]", 5}, foreign{"F4", "[0]", 0}}) {
    CAPTURE(f.type);
    const std::string offsets = "[4," + std::to_string(4 + f.bytes) + "]";
    const std::string data =
        bytes_of({0, 0, 0xc0, 0x3f}) + std::string("0123456789abcdef", f.bytes);
    const safetensors file(
        file_of("{" + tensor_of("w", "F32", "[1]", "[0,4]") + "," +
                    tensor_of("q", f.type, f.shape, offsets) + ",\"__metadata__\":{\"k\":\"v\"}}",
                data),
        "a file");
    CHECK(file.values<float>("w") == std::vector<float>{1.5F});
    REQUIRE(file.entries().size() == 2);
    CHECK(file.find("q")->type == stored_type::other);
    CHECK(file.find("q")->type_name == f.type);
    CHECK(file.bytes("q").size() == f.bytes);
    CHECK(file.tensors<float>().size() == 1);
    const support::thrown refused = support::error_of<prunus::argument_error>(
        [&] { static_cast<void>(file.tensor<float>("q")); });
    CHECK(refused.code == errc::unsupported);
    CHECK(refused.says("a file: q is " + std::string(f.type)));

    named_tensors<float> changed = file.tensors<float>();
    changed["w"].values[0] = 7;
    changed.push_back(small("new", {1, 2}));
    const safetensors again(file.bytes_with(changed), "again");
    REQUIRE(again.entries().size() == 3);
    CHECK(again.values<float>("w") == std::vector<float>{7});
    CHECK(again.values<float>("new") == std::vector<float>{1, 2});
    CHECK(again.find("q")->type_name == f.type);
    CHECK(again.find("q")->shape == file.find("q")->shape);
    CHECK(std::memcmp(again.bytes("q").data(), data.data() + 4, f.bytes) == 0);
    CHECK(again.metadata() == file.metadata());
  }
  check_malformed("{" + tensor_of("a", "F8_E4M3", "[2]", "[0,1]") + "}", "take 2 bytes");
  check_malformed("{" + tensor_of("a", "F4", "[3]", "[0,1]") + "}", "no whole number of bytes");
  check_malformed("{" + tensor_of("a", "NEW", "[4294967296,4294967296]", "[0,1]") + "}",
                  "more elements than can be counted");
}

TEST_CASE("single numbers, empty tensors, counters and labels are written back as they came",
          "[io][safetensors]") {
  const std::string bytes =
      file_of("{" + tensor_of("scale", "F32", "[]", "[0,4]") + "," +
                  tensor_of("none", "F32", "[0,4]", "[4,4]") + "," +
                  tensor_of("empty", "F32", "[2,0,3,1]", "[4,4]") + "," +
                  tensor_of("one", "F32", "[1]", "[4,8]") + "," +
                  tensor_of("step", "I64", "[]", "[8,16]") + "}",
              bytes_of({0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0x3f, 1, 2, 3, 4, 5, 6, 7, 8}));
  const safetensors file(bytes, "file");
  const named_tensors<float> tensors = file.tensors<float>();
  REQUIRE(tensors.size() == 4);
  CHECK(tensors["scale"].rank == 0);
  CHECK(tensors["scale"].values == std::vector<float>{1.5F});
  CHECK(describe(tensors["scale"].view()) == "a single number");
  CHECK(tensors["none"].values.empty());
  CHECK(tensors["none"].view().empty());
  Eigen::VectorXf number;
  tensors["scale"].to(number);
  CHECK(number == Eigen::VectorXf::Constant(1, 1.5F));

  for (const safetensors& again : {safetensors(prunus::safetensors_bytes(tensors), "again"),
                                   safetensors(file.bytes_with(tensors), "again"),
                                   safetensors(file.bytes_with(named_tensors<float>{}), "again")})
    for (const safetensors::entry& e : again.entries()) {
      CAPTURE(e.name);
      CHECK(e.shape == file.find(e.name)->shape);
      CHECK(e.type == file.find(e.name)->type);
      const auto got = again.bytes(e.name), given = file.bytes(e.name);
      CHECK(std::equal(got.begin(), got.end(), given.begin(), given.end()));
    }
  CHECK(safetensors(file.bytes_with(tensors)).entries().size() == 5);
  CHECK(safetensors(prunus::safetensors_bytes(tensors)).entries().size() == 4);

  named_tensor<float> wrong = small("a", {1, 2});
  wrong.rank = 0;  // hides an axis
  CHECK(support::code_of<prunus::shape_error>([&] {
          static_cast<void>(prunus::safetensors_bytes(named_tensors<float>{wrong}));
        }) == errc::shape_mismatch);
  named_tensor<float> large = small("a", {});
  large.extents = {Index{1} << 32, Index{1} << 32, 1, 1};  // 2^64 is 0
  CHECK(support::code_of<prunus::shape_error>([&] {
          static_cast<void>(prunus::safetensors_bytes(named_tensors<float>{large}));
        }) == errc::shape_mismatch);
}

TEST_CASE("a tensor of more axes than a weight has is refused with its name and the file",
          "[io][safetensors]") {
  const safetensors file(
      file_of("{" + tensor_of("v", "F32", "[1,1,1,1,1,1]", "[0,4]") + "}", "xxxx"), "a file");
  for (const support::thrown& error :
       {support::error_of<prunus::shape_error>([&] { static_cast<void>(file.tensors<float>()); }),
        support::error_of<prunus::shape_error>(
            [&] { static_cast<void>(file.tensor<float>("v")); })}) {
    CHECK(error.code == errc::bad_layout);
    CHECK(error.says("a file: v has 6 axes"));
  }
  CHECK(file.values<float>("v").size() == 1);
}

TEST_CASE("files that end early are refused", "[io][safetensors]") {
  const std::string bytes =
      prunus::safetensors_bytes(named_tensors<float>{small("a", {1, 2}), small("b", {3})});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(bytes.substr(0, size)).code == errc::truncated);
  }
  CHECK(refusal(bytes + "x").code == errc::malformed);
}

TEST_CASE("a header that cannot be as long as it says is refused", "[io][safetensors]") {
  CHECK(refusal(length_of(100'000'001)).code == errc::malformed);
  CHECK(refusal(length_of(100'000'000)).code == errc::truncated);
  CHECK(refusal(length_of(std::numeric_limits<std::uint64_t>::max()) + "{}").code ==
        errc::malformed);
  CHECK(refusal(length_of(3) + "{}").code == errc::truncated);
}

TEST_CASE("a header that does not begin with an object is refused", "[io][safetensors]") {
  for (const char* header : {"", " {}", "\xef\xbb\xbf{}", "[]"})
    check_malformed(header, "does not begin with '{'");
}

TEST_CASE("a header that is no JSON is refused", "[io][safetensors]") {
  const std::string a = one_byte("a"), nul(1, '\0');
  REQUIRE(code_of_header("{" + a + "}", "x") == errc{});
  REQUIRE(code_of_header("{" + a + "}\n\t ", "x") == errc{});
  for (const std::string& header :
       {std::string("{"), std::string("{}{}"), "{" + a + "},", "{" + a + ",}", "{" + a + "} x",
        "{" + a + "/* comment */}", std::string("{\"\xff\":{}}"), "{" + a + nul,
        "{" + a + nul + "}", "{" + a + "}" + nul, "{" + a + "}" + nul + "x"})
    check_malformed(header, "no JSON at byte");
}

TEST_CASE("a tensor that is no object is refused", "[io][safetensors]") {
  for (const char* header :
       {"{\"a\":1}", "{\"a\":null}", "{\"a\":true}", "{\"a\":\"text\"}", "{\"a\":[1]}"})
    check_malformed(header, "\"a\": did not expect");
}

TEST_CASE("a tensor without type, shape or offsets is refused", "[io][safetensors]") {
  check_malformed("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", "\"a\" has no data_offsets");
  check_malformed("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", "\"a\" has no shape");
  check_malformed("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", "\"a\" has no dtype");
  check_malformed("{\"a\":{}}", "\"a\" has no");
}

TEST_CASE("a tensor with more than type, shape and offsets is refused", "[io][safetensors]") {
  for (const char* more : {"[1]", "\"text\"", "1", "{}"})
    check_malformed("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":" +
                        std::string(more) + "}}",
                    "\"a\"");
}

TEST_CASE("a type that is no known text is refused", "[io][safetensors]") {
  check_malformed("{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}",
                  "dtype: did not expect");
  for (const std::string type : {"u8", "", "F 8", "A_NAME_OF_MORE_THAN_THIRTY_TWO_LETTERS"})
    check_malformed("{" + tensor_of("a", type, "[1]", "[0,1]") + "}",
                    "\"" + type + "\" names no type");
}

TEST_CASE("a shape that is no list of whole numbers is refused", "[io][safetensors]") {
  for (const char* shape : {"1", "{}", "[[1]]", "[\"1\"]", "[1.0]", "[1e0]", "[-1]", "[null]"})
    check_malformed("{" + tensor_of("a", "U8", shape, "[0,1]") + "}", "shape: did not expect");
}

TEST_CASE("offsets that are not two whole numbers are refused", "[io][safetensors]") {
  for (const char* offsets : {"[0,true]", "[-1,0]", "[0,1.0]", "[0,\"1\"]", "[[0,1]]", "1"})
    check_malformed("{" + tensor_of("a", "U8", "[1]", offsets) + "}",
                    "data_offsets: did not expect");
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[]") + "}", "data_offsets has 0 numbers");
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[0]") + "}", "data_offsets has 1 numbers");
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[0,1,1]") + "}", "data_offsets has 3 numbers");
}

TEST_CASE("metadata that are no texts by name are refused", "[io][safetensors]") {
  for (const char* metadata : {"[]", "\"text\"", "1", "{\"a\":1}", "{\"a\":{}}", "{\"a\":[]}"})
    check_malformed("{\"__metadata__\":" + std::string(metadata) + "}", "__metadata__");
}

TEST_CASE("deep nesting is refused at once", "[io][safetensors]") {
  CHECK(code_of_header("{\"a\":" + std::string(1'000'000, '[')) == errc::malformed);
  std::string objects;
  for (int k = 0; k < 100'000; ++k) objects += "{\"a\":";
  CHECK(code_of_header(objects) == errc::malformed);
}

TEST_CASE("keys that come twice are refused", "[io][safetensors]") {
  const std::string a = one_byte("a");
  check_malformed("{" + a + "," + a + "}", "\"a\" comes twice");
  check_malformed("{\"__metadata__\":{},\"__metadata__\":{}}", "\"__metadata__\" comes twice");
  check_malformed("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", "\"k\" comes twice");
  check_malformed(
      "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "\"dtype\" comes twice");
}

TEST_CASE("holes in the data are refused", "[io][safetensors]") {
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[1,2]") + "}", "overlap nor leave holes",
                  "xx");
  check_malformed("{" + one_byte("a") + "," + tensor_of("b", "U8", "[1]", "[2,3]") + "}",
                  "overlap nor leave holes", "xxx");
  check_malformed("{" + one_byte("a") + "}", "take 1 bytes, the file has 2", "xx");
}

TEST_CASE("tensors that overlap are refused", "[io][safetensors]") {
  const std::string a = tensor_of("a", "U8", "[2]", "[0,2]");
  check_malformed("{" + a + "," + tensor_of("b", "U8", "[2]", "[1,3]") + "}",
                  "overlap nor leave holes", "xxx");
  check_malformed("{" + a + "," + tensor_of("b", "U8", "[2]", "[0,2]") + "}",
                  "overlap nor leave holes", "xx");
}

TEST_CASE("data that end before they begin are refused", "[io][safetensors]") {
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[2,1]") + "}", "ends at byte 1", "xx");
}

TEST_CASE("data that have not the size of type and shape are refused", "[io][safetensors]") {
  check_malformed("{" + tensor_of("a", "F32", "[2]", "[0,4]") + "}", "take 8 bytes", "xxxx");
  check_malformed("{" + tensor_of("a", "F32", "[1]", "[0,5]") + "}", "take 4 bytes", "xxxxx");
  check_malformed("{" + tensor_of("a", "F32", "[0]", "[0,4]") + "}", "take 0 bytes", "xxxx");
  check_malformed("{" + tensor_of("a", "F32", "[]", "[0,0]") + "}", "take 4 bytes", "");
}

TEST_CASE("data beyond the end of the file are truncated", "[io][safetensors]") {
  const std::string large = "9223372036854775807";
  CHECK(code_of_header("{" + tensor_of("a", "U8", "[3]", "[0,3]") + "}", "xx") == errc::truncated);
  CHECK(code_of_header("{" + tensor_of("a", "U8", "[" + large + "]", "[0," + large + "]") + "}",
                       "xx") == errc::truncated);
}

TEST_CASE("sizes beyond what can be counted are refused", "[io][safetensors]") {
  const std::string most = "18446744073709551615";
  check_malformed("{" + tensor_of("a", "U8", "[" + most + "]", "[0," + most + "]") + "}",
                  "an extent of 18446744073709551615 is too large", "xx");
  check_malformed("{" + tensor_of("a", "U8", "[1]", "[0,18446744073709551616]") + "}",
                  "data_offsets: did not expect");
  for (const char* shape : {"[4294967296,4294967296]", "[4294967296,4294967296,0]"})
    check_malformed("{" + tensor_of("a", "U8", shape, "[0,0]") + "}",
                    "more elements than can be counted", "");
  check_malformed("{" + tensor_of("a", "F64", "[2305843009213693952]", "[0,0]") + "}",
                  "more elements than can be counted", "");
}

TEST_CASE("messages name the file and stay short and printable", "[io][safetensors]") {
  const std::string name(5000, 'n');
  const support::thrown long_name =
      refusal(file_of("{" + tensor_of(name, "U8", "[1]", "[1,2]") + "}", "xx"));
  CHECK(long_name.says("a file"));
  CHECK(long_name.message.size() < 400);
  const support::thrown bell =
      refusal(file_of("{" + tensor_of("\\u0007", "U8", "[1]", "[1,2]") + "}", "xx"));
  CHECK_FALSE(bell.says("\a"));
  CHECK(refusal(file_of("{" + tensor_of("w", "F32", "[3]", "[0,8]") + "}", "xxxxxxxx"))
            .says("12 bytes"));
}

TEST_CASE("damaged files are refused or read, and nothing else", "[io][safetensors]") {
  const std::string good = prunus::safetensors_bytes(
      named_tensors<float>{small("a", {1, 2}), small("b", {3})}, {{"k", "v"}});
  support::random_source random(11);
  Index refused = 0, accepted = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    std::string bytes = good;
    for (Index changes = random.between(1, 3); changes > 0; --changes) {
      const auto at =
          static_cast<std::size_t>(random.between(0, static_cast<Index>(bytes.size()) - 1));
      switch (random.between(0, 2)) {
        case 0:
          bytes[at] = static_cast<char>(random.between(0, 255));
          break;
        case 1:
          bytes.erase(at, 1);
          break;
        default:
          bytes.insert(at, 1,
                       "0123456789[]{}\",:"[static_cast<std::size_t>(random.between(0, 16))]);
          break;
      }
    }
    try {
      const safetensors file(bytes);
      for (const safetensors::entry& e : file.entries()) CHECK(file.bytes(e.name).size() < 100);
      ++accepted;
    } catch (const prunus::file_error&) {
      ++refused;
    }
  }
  CHECK(refused > 2000);
  CHECK(accepted > 20);
}
