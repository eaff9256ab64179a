#include "holler/codecs.hpp"
#include "holler/dns.hpp"

namespace holler {
namespace {

constexpr std::size_t kFlagsOffset = 2;
constexpr std::byte kResponseBit{0x80};

/// A server that could not read the question, or would not, may leave it out: all it says is its code. What
/// claims to know anything about the name must repeat it.
bool may_omit_question(const dns::Message& reply) noexcept {
  return reply.questions.empty() && reply.answers.empty() && reply.authorities.empty() &&
         reply.rcode != dns::Rcode::no_error && reply.rcode != dns::Rcode::no_such_name;
}

class DnsCodec final : public Codec {
 public:
  [[nodiscard]] const CodecTraits& traits() const noexcept override { return traits_; }

  [[nodiscard]] std::optional<std::size_t> encode_request(const RequestStamp& stamp, Bytes payload,
                                                          MutableBytes out) const override {
    const std::optional<dns::Message> query = dns::decode_message(payload);
    if (!query || query->response) return std::nullopt;
    ByteWriter writer{out};
    writer.write(static_cast<std::uint16_t>(stamp.id)).write_bytes(payload.subspan(sizeof(std::uint16_t)));
    return writer.ok() ? std::optional{writer.size()} : std::nullopt;
  }

  [[nodiscard]] ReplyView decode_reply(Bytes datagram) const override {
    // Only the header: whoever floods us with datagrams of a wrong ID costs us no more than this.
    if (datagram.size() < dns::kHeaderBytes || (datagram[kFlagsOffset] & kResponseBit) == std::byte{0}) {
      return {.drop = DropReason::malformed};
    }
    return {.kind = ReplyKind::reply, .id = ByteReader{datagram}.read<std::uint16_t>(), .payload = datagram};
  }

  [[nodiscard]] std::optional<DropReason> mismatch(Bytes request_payload,
                                                   const ReplyView& reply) const override {
    const std::optional<dns::Message> asked = dns::decode_message(request_payload);
    const std::optional<dns::Message> answered = dns::decode_message(reply.payload);
    if (!asked || !answered) return DropReason::malformed;
    const bool same_question = asked->questions == answered->questions || may_omit_question(*answered);
    if (asked->opcode == answered->opcode && same_question) return std::nullopt;  // RFC 5452 §9.1
    return DropReason::wrong_question;
  }

 private:
  CodecTraits traits_{
      .name = "dns",
      .id_bits = 16,
      .numbered = false,
      .fresh_port = true,  // RFC 5452 §9.2: 16 bits of ID alone are guessed in a second
      // RFC 1035 §4.2.1 wants 2 to 5 s between repeats to one server, in 1987; RFC 8085 §3.1.1 wants 1 s
      // before the first sample and doubling from there, which is at 3 s when RFC 1035 would send its second.
      .schedule = {.first_wait = std::chrono::seconds{1}, .attempts_max = 0},
  };
};

}  // namespace

const Codec& dns_codec() noexcept {
  static const DnsCodec codec;
  return codec;
}

}  // namespace holler
