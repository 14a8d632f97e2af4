#include "kernel/plugin/plugin_file.hpp"

#include <dlfcn.h>

#include <cstddef>
#include <exception>

namespace pkernel::plugin {
namespace {

std::string_view view(pk_str s) {
    return {s.data, static_cast<std::size_t>(s.size)};
}

// What dlopen said, without the name of the copy, which means nothing to the reader.
std::string load_problem(const std::string& copy_path) {
    const char* said = ::dlerror();
    std::string text = said ? said : "for no reason given";
    if (text.starts_with(copy_path + ": ")) text.erase(0, copy_path.size() + 2);
    return text;
}

// Sizes in the first version of the ABI: a struct that grows later is still taken in this form.
constexpr std::size_t least_face = offsetof(pk_plugin, get) + sizeof(void*);
constexpr std::size_t least_factory = offsetof(pk_factory, destroy) + sizeof(void*);

// Each table of an extension point begins like this.
struct table_head {
    std::uint32_t size;
    std::uint32_t reserved;
    const pk_factory* factory;
};

}  // namespace

outcome<std::shared_ptr<const plugin_file>> plugin_file::open(const std::string& path,
                                                              const std::string& hash,
                                                              const pk_note& note,
                                                              const std::string& copy_path,
                                                              std::shared_ptr<copy_store> store) {
    using boost::dll::load_mode::rtld_local;
    using boost::dll::load_mode::rtld_now;

    const std::shared_ptr<plugin_file> file(new plugin_file);
    file->path_ = path;
    file->hash_ = hash;
    file->note_ = note;
    file->name_ = note.name;
    file->version_ = note.version;
    file->store_ = std::move(store);
    boost::dll::fs::error_code ec;
    file->library_.load(copy_path, ec, rtld_now | rtld_local);
    if (ec) return refuse(path + " cannot be loaded: " + load_problem(copy_path));
    const auto face = file->ask_entry();
    if (!face.has_value()) return face.error();
    file->face_ = *face;
    return std::shared_ptr<const plugin_file>(file);
}

outcome<pk_plugin> plugin_file::ask_entry() const {
    if (!library_.has(PKERNEL_ENTRY_SYMBOL)) {
        return refuse(path_ + " exports no symbol " + PKERNEL_ENTRY_SYMBOL);
    }
    const auto entry = library_.get<const pk_plugin*()>(PKERNEL_ENTRY_SYMBOL);
    const pk_plugin* face = nullptr;
    try {
        face = entry();
    } catch (...) {
        return refuse(path_ + ": " PKERNEL_ENTRY_SYMBOL " threw an exception");
    }
    if (!face) return refuse(path_ + ": " PKERNEL_ENTRY_SYMBOL " returned null");
    if (face->size < least_face) {
        return refuse(path_ + " describes itself in " + std::to_string(face->size) +
                      " bytes where at least " + std::to_string(least_face) + " are needed");
    }
    const auto full = full_table<pk_plugin>(face);
    if (auto why = check_face(full)) return refuse(path_ + " " + *why);
    return full;
}

std::optional<std::string> plugin_file::check_face(const pk_plugin& face) const {
    const std::string differs = " is not that of its note, ";
    if (face.abi_major != note_.abi_major) {
        return "is damaged: its ABI major " + std::to_string(face.abi_major) + differs +
               std::to_string(note_.abi_major);
    }
    if (view(face.name) != name_) {
        return "is damaged: its name '" + std::string(view(face.name)) + "'" + differs + "'" +
               name_ + "'";
    }
    if (!face.get) return "is damaged: it has no function 'get'";
    return {};
}

bool plugin_file::serves(std::string_view point) const {
    return face_.get({point.data(), point.size()}) != nullptr;
}

outcome<offer> plugin_file::at(std::string_view point) const {
    const void* table = face_.get({point.data(), point.size()});
    if (!table) return refuse(path_ + " offers nothing for " + std::string(point));
    const auto head = full_table<table_head>(table);
    const auto damaged =
        refuse(path_ + " is damaged: its table for " + std::string(point) + " makes no sense");
    if (head.size < sizeof head || !head.factory) return damaged;
    if (head.factory->size < least_factory) return damaged;
    const auto factory = full_table<pk_factory>(head.factory);
    if (!factory.create || !factory.destroy) return damaged;
    if (!factory.export_state != !factory.import_state) return damaged;
    return offer{table, factory};
}

}  // namespace pkernel::plugin
