#include "cli/forgery.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "holler/dns.hpp"
#include "holler/names.hpp"

namespace holler::cli {
namespace {

dns::RecordData forged_data(dns::Type type, const std::string& say) {
  switch (type) {
    case dns::Type::aaaa: return dns::Aaaa{parse_address(kForgedV6).value().bytes()};
    case dns::Type::txt: return dns::Txt{{say}};
    default: return dns::A{parse_address(kForgedV4).value()};
  }
}

/// The answer to a query, or nothing where it is none.
ByteVector forged_answer(Bytes query, const std::string& say) {
  auto message = dns::decode_message(query);
  if (!message || message->response || message->questions.size() != 1) return {};
  const dns::Question& question = message->questions.front();
  message->response = true;
  message->recursion_available = true;
  message->additionals.clear();
  message->edns.reset();
  const bool known = question.type == dns::Type::aaaa || question.type == dns::Type::txt;
  message->answers.push_back({.name = question.name,
                              .type = known ? question.type : dns::Type::a,
                              .record_class = question.record_class,
                              .ttl_s = 86400,
                              .data = forged_data(question.type, say)});
  return dns::encode_message(*message).value_or(ByteVector{});
}

}  // namespace

std::string_view name_of(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::holler: return "holler";
    case Dialect::plain: return "plain";
    case Dialect::dns: return "dns";
  }
  return "";
}

Dialect dialect_of(Bytes request) {
  if (!holler_codec().decode_request(request).drop) return Dialect::holler;
  const auto message = dns::decode_message(request);
  const bool query = message && !message->response && message->questions.size() == 1;
  return query && message->trailing_bytes == 0 ? Dialect::dns : Dialect::plain;
}

Forgery::Forgery(std::string say, std::optional<Dialect> dialect, bool knows_number)
    : say_{std::move(say)}, given_{dialect}, dialect_{dialect}, knows_number_{knows_number} {}

void Forgery::learn(Bytes request) {
  if (!given_) dialect_ = dialect_of(request);
  if (dialect() == Dialect::holler) {
    const RequestView view = holler_codec().decode_request(request);
    if (view.drop) return;
    id_ = view.id;
    number_ = view.number;
  } else if (dialect() == Dialect::dns) {
    ByteVector answer = forged_answer(request, say_);
    if (answer.empty()) return;
    answer_ = std::move(answer);
    id_ = ByteReader{request}.read<std::uint16_t>();
  }
}

void Forgery::learn_answer(Bytes answer) {
  if (dialect() != Dialect::holler) return;
  const ReplyView view = holler_codec().decode_reply(answer);
  if (view.kind == ReplyKind::reply && view.number == number_) ++number_;
}

ByteVector Forgery::guess(RandomSource& random) {
  // 16 bits are best tried one after the other; of 64 any is as good as the next.
  if (dialect() == Dialect::dns) return answer_with(next_id_++, 0);
  const std::uint64_t number = knows_number_ ? number_ : 1 + random.below(kNumbersGuessed);
  return answer_with(random.next(), number);
}

double Forgery::guesses() const noexcept {
  switch (dialect()) {
    case Dialect::holler: return std::exp2(64) * (knows_number_ ? 1.0 : static_cast<double>(kNumbersGuessed));
    case Dialect::dns: return std::exp2(16);
    case Dialect::plain: break;
  }
  return 1;
}

ByteVector Forgery::answer_with(std::uint64_t id, std::uint64_t number) const {
  if (dialect() == Dialect::plain) return copy_of(bytes_of(say_));
  if (dialect() == Dialect::dns) {
    ByteVector answer = answer_;
    (void)ByteWriter{answer}.write(static_cast<std::uint16_t>(id));
    return answer;
  }
  ByteVector answer(holler_codec().traits().reply_header_bytes + say_.size());
  const ReplyStamp stamp{.kind = ReplyKind::reply,
                         .number = number,
                         .id = id,
                         .attempt = 1,
                         .payload_bytes = say_.size(),
                         .cookie = {}};
  const auto header_bytes = holler_codec().encode_reply_header(stamp, answer);
  std::ranges::copy(bytes_of(say_), answer.begin() + static_cast<std::ptrdiff_t>(header_bytes.value_or(0)));
  return answer;
}

}  // namespace holler::cli
