// A frame in memory with any strides, and the pixels of a network input in any layout.

// Channel c of pixel (x, y) is at bytes[y * row + x * pixel + c * channel].
struct Frame {
    const unsigned char *bytes;
    long long row, pixel, channel;

    __device__ const unsigned char *at(int y, int x) const
    {
        return bytes + y * row + x * pixel;
    }
};

// table (channels, 256) and pixels have items of `item` bytes, which are copied as they are.
struct Output {
    const unsigned char *table;
    unsigned char *pixels;
    int channels, item, channels_last, height, width;

    template <class Item>
    __device__ void copy(int channel, int level, long long i) const
    {
        reinterpret_cast<Item *>(pixels)[i] = reinterpret_cast<const Item *>(table)[256 * channel + level];
    }

    __device__ void put(int channel, int level, int y, int x) const
    {
        const long long plane = static_cast<long long>(height) * width, place = static_cast<long long>(y) * width + x;
        const long long i = channels_last ? place * channels + channel : channel * plane + place;
        if (item == 1)
            copy<unsigned char>(channel, level, i);
        else if (item == 2)
            copy<unsigned short>(channel, level, i);
        else if (item == 4)
            copy<unsigned>(channel, level, i);
        else
            copy<unsigned long long>(channel, level, i);
    }

    // One channel is the luma (ITU-R 601, as Pillow rounds it).
    __device__ void write(const int (&levels)[3], int y, int x) const
    {
        if (channels == 1)
            put(0, (levels[0] * 19595 + levels[1] * 38470 + levels[2] * 7471 + (1 << 15)) >> 16, y, x);
        else
            for (int channel = 0; channel < 3; channel++)
                put(channel, levels[channel], y, x);
    }
};
