/** A product by its names: a kind of thing, and the variants that there are of it. */
type Kind = readonly [
  name: string,
  variants: readonly [string, string, string],
  cents: number,
  blurb: string,
]

interface Shelf {
  readonly slug: string
  readonly name: string
  /** Of its stock keeping units. */
  readonly prefix: string
  readonly hue: number
  readonly kinds: readonly Kind[]
}

const SHELVES: readonly Shelf[] = [
  {
    slug: 'audio',
    name: 'Audio',
    prefix: 'AUD',
    hue: 262,
    kinds: [
      [
        'Lark Wireless Headphones',
        ['Slate', 'Sand', 'Moss'],
        19_900,
        'Closed-back, quiet on trains, thirty hours on a charge.',
      ],
      [
        'Wren Earbuds',
        ['Black', 'Chalk', 'Coral'],
        8_900,
        'Small enough to forget that you are wearing them.',
      ],
      [
        'Harbour Bookshelf Speaker',
        ['Oak', 'Walnut', 'White'],
        24_900,
        'A two-way speaker that fills a living room.',
      ],
      [
        'Pebble Portable Speaker',
        ['Graphite', 'Lagoon', 'Clay'],
        5_900,
        'Survives rain, sand and the bottom of a rucksack.',
      ],
      [
        'Meridian Turntable',
        ['Matt Black', 'Walnut', 'Cherry'],
        32_900,
        'Belt drive, built-in phono stage, no fuss.',
      ],
      [
        'Tidal Soundbar',
        ['80 cm', '100 cm', '120 cm'],
        27_900,
        'Clear voices, and bass that the neighbours forgive.',
      ],
      [
        'Fieldnote Recorder',
        ['16 GB', '32 GB', '64 GB'],
        14_900,
        'Two microphones and one large red button.',
      ],
      [
        'Copperline Speaker Cable',
        ['2 m', '5 m', '10 m'],
        1_900,
        'Oxygen-free, flexible, ends already fitted.',
      ],
      [
        'Canto Clip Microphone',
        ['Wired', 'Wireless', 'Wireless Pair'],
        4_900,
        'For talks, lessons and interviews.',
      ],
      ['Bellbird Clock Radio', ['Mint', 'Ivory', 'Ink'], 6_400, 'Wakes you gently, then insists.'],
    ],
  },
  {
    slug: 'kitchen',
    name: 'Kitchen',
    prefix: 'KIT',
    hue: 14,
    kinds: [
      [
        'Cast Iron Skillet',
        ['20 cm', '24 cm', '28 cm'],
        3_900,
        'Seasoned, heavy, and better every year.',
      ],
      [
        'Pour-over Coffee Set',
        ['Glass', 'Stoneware', 'Steel'],
        4_200,
        'One cup at a time, the way it should be.',
      ],
      [
        'Chef’s Knife',
        ['16 cm', '20 cm', '24 cm'],
        8_900,
        'Hard steel with a comfortable ash handle.',
      ],
      [
        'Enamel Stock Pot',
        ['4 l', '6 l', '9 l'],
        6_900,
        'From stove to table without changing clothes.',
      ],
      ['Stoneware Mug', ['Fog', 'Rust', 'Pine'], 1_600, 'Thrown thick, so that tea stays hot.'],
      [
        'Linen Tea Towel',
        ['Natural', 'Striped', 'Indigo'],
        1_200,
        'Dries glasses without leaving a trace.',
      ],
      [
        'Burr Coffee Grinder',
        ['Hand', 'Electric', 'Electric Pro'],
        9_900,
        'Even grounds from coarse to espresso.',
      ],
      ['Bread Tin', ['500 g', '750 g', '1 kg'], 2_400, 'Straight sides for an honest loaf.'],
      ['Glass Storage Jar', ['0.5 l', '1 l', '2 l'], 990, 'Airtight, stackable, easy to label.'],
      [
        'Digital Kitchen Scale',
        ['3 kg', '5 kg', '10 kg'],
        2_900,
        'Accurate to the gram, thin as a book.',
      ],
    ],
  },
  {
    slug: 'home',
    name: 'Home',
    prefix: 'HOM',
    hue: 38,
    kinds: [
      ['Wool Throw', ['Oat', 'Heather', 'Forest'], 7_900, 'Woven from one sheep’s worth of wool.'],
      ['Arc Floor Lamp', ['Brass', 'Black', 'White'], 18_900, 'Warm light exactly where you read.'],
      [
        'Beeswax Candle',
        ['Short', 'Tall', 'Pair'],
        1_400,
        'Burns for a long evening and smells of summer.',
      ],
      [
        'Jute Rug',
        ['60 × 90', '120 × 180', '160 × 230'],
        8_900,
        'Plain, sturdy and kind to bare feet.',
      ],
      ['Ceramic Vase', ['Low', 'Medium', 'Tall'], 3_400, 'Looks good with flowers, and without.'],
      ['Feather Cushion', ['40 cm', '50 cm', '60 cm'], 2_900, 'Plump again after every Sunday.'],
      ['Picture Frame', ['A5', 'A4', 'A3'], 1_900, 'Solid oak behind real glass.'],
      ['Laundry Basket', ['30 l', '45 l', '60 l'], 3_900, 'Rattan with a cotton lining.'],
      ['Wall Clock', ['Birch', 'Slate', 'Cork'], 4_900, 'Silent, so that only you are on time.'],
      ['Coat Hooks', ['Three', 'Five', 'Seven'], 2_700, 'Turned beech on a solid rail.'],
    ],
  },
  {
    slug: 'outdoor',
    name: 'Outdoor',
    prefix: 'OUT',
    hue: 140,
    kinds: [
      [
        'Ridge Daypack',
        ['18 l', '24 l', '30 l'],
        8_900,
        'Two pockets, one zip, no dangling straps.',
      ],
      [
        'Insulated Bottle',
        ['0.5 l', '0.75 l', '1 l'],
        2_900,
        'Hot for twelve hours, cold for twenty-four.',
      ],
      [
        'Two-person Tent',
        ['Summer', 'Three-season', 'Winter'],
        28_900,
        'Up in four minutes, also in the rain.',
      ],
      ['Down Sleeping Bag', ['+5 °C', '-2 °C', '-10 °C'], 21_900, 'Packs to the size of a loaf.'],
      [
        'Trekking Poles',
        ['Aluminium', 'Carbon', 'Folding'],
        6_900,
        'Save your knees for tomorrow.',
      ],
      [
        'Head Torch',
        ['200 lm', '400 lm', '800 lm'],
        3_900,
        'A red light for tents, a bright one for paths.',
      ],
      [
        'Camping Stove',
        ['Single', 'Double', 'Alcohol'],
        5_400,
        'Boils a litre while you look for the mugs.',
      ],
      ['Merino Beanie', ['Charcoal', 'Ochre', 'Pine'], 2_600, 'Soft, warm and unbothered by rain.'],
      ['Picnic Blanket', ['130 cm', '150 cm', '200 cm'], 3_700, 'Wool above, waterproof below.'],
      [
        'Hammock',
        ['Single', 'Double', 'With Net'],
        4_900,
        'Two trees and an afternoon are enough.',
      ],
    ],
  },
  {
    slug: 'garden',
    name: 'Garden',
    prefix: 'GAR',
    hue: 96,
    kinds: [
      [
        'Copper Watering Can',
        ['1 l', '3 l', '6 l'],
        5_900,
        'Balanced when full, handsome when empty.',
      ],
      [
        'Hand Trowel',
        ['Narrow', 'Wide', 'Transplanting'],
        1_900,
        'Forged in one piece, made to be inherited.',
      ],
      [
        'Terracotta Pot',
        ['12 cm', '18 cm', '25 cm'],
        1_100,
        'Breathes, ages and forgives overwatering.',
      ],
      [
        'Pruning Shears',
        ['Small', 'Medium', 'Left-handed'],
        3_400,
        'Clean cuts, blades that can be replaced.',
      ],
      ['Herb Seeds', ['Kitchen', 'Tea', 'Bees'], 690, 'Six kinds that want to grow.'],
      ['Raised Bed', ['80 cm', '120 cm', '180 cm'], 9_900, 'Larch boards that slot together.'],
      ['Garden Gloves', ['S', 'M', 'L'], 1_700, 'Goatskin, against roses and nettles.'],
      [
        'Bird Feeder',
        ['Tube', 'House', 'Window'],
        2_200,
        'Breakfast for robins, entertainment for you.',
      ],
      ['Compost Bin', ['100 l', '200 l', '300 l'], 6_400, 'Everything comes back as soil.'],
      ['String Lights', ['5 m', '10 m', '20 m'], 2_800, 'Warm white, made for long evenings.'],
    ],
  },
  {
    slug: 'office',
    name: 'Desk',
    prefix: 'DSK',
    hue: 206,
    kinds: [
      [
        'Clothbound Notebook',
        ['Plain', 'Lined', 'Dotted'],
        1_800,
        'Lies flat, takes ink, keeps secrets.',
      ],
      [
        'Brass Ballpoint',
        ['Fine', 'Medium', 'Broad'],
        3_200,
        'Heavy in the hand, light on the paper.',
      ],
      ['Desk Lamp', ['Cobalt', 'Cream', 'Graphite'], 8_400, 'Bends everywhere, wobbles nowhere.'],
      [
        'Mechanical Keyboard',
        ['Quiet', 'Tactile', 'Clicky'],
        12_900,
        'Seventy-five keys, none of them wasted.',
      ],
      [
        'Laptop Stand',
        ['Birch', 'Aluminium', 'Folding'],
        4_900,
        'Brings the screen up to your eyes.',
      ],
      [
        'Felt Desk Mat',
        ['60 cm', '80 cm', '100 cm'],
        2_900,
        'Warm for the wrists, quiet for cups.',
      ],
      [
        'Monitor Riser',
        ['Short', 'Long', 'With Drawer'],
        5_900,
        'Oak, with room for everything underneath.',
      ],
      ['Pencil Set', ['HB', '2B to 6B', 'Colours'], 1_300, 'Cedar, twelve to a tin.'],
      [
        'Cable Organiser',
        ['Three', 'Five', 'Seven'],
        1_200,
        'Nothing falls behind the desk again.',
      ],
      ['Wall Planner', ['A3', 'A2', 'A1'], 1_500, 'A whole year that can be seen at once.'],
    ],
  },
  {
    slug: 'play',
    name: 'Toys & Games',
    prefix: 'TOY',
    hue: 328,
    kinds: [
      [
        'Wooden Train Set',
        ['Starter', 'Bridge', 'Harbour'],
        5_400,
        'Beech, magnets, and hours on the carpet.',
      ],
      [
        'Jigsaw Puzzle',
        ['500 pieces', '1000 pieces', '2000 pieces'],
        2_400,
        'An old map of the sea, and where it ends.',
      ],
      [
        'Building Blocks',
        ['40 pieces', '80 pieces', '120 pieces'],
        3_600,
        'Maple, unpainted, endlessly useful.',
      ],
      ['Chess Set', ['Travel', 'Club', 'Tournament'], 4_900, 'Weighted pieces on a folding board.'],
      ['Stacking Rings', ['Pastel', 'Rainbow', 'Natural'], 1_900, 'The first engineering problem.'],
      ['Kite', ['Diamond', 'Delta', 'Box'], 2_900, 'Flies in a breeze, packs in a sleeve.'],
      ['Card Game', ['Family', 'Strategy', 'Party'], 1_600, 'Twenty minutes, one more round.'],
      [
        'Modelling Clay',
        ['Six colours', 'Twelve colours', 'Air-dry'],
        1_400,
        'Soft from the start, no crumbs.',
      ],
      [
        'Star Projector',
        ['Moon', 'Planets', 'Northern Sky'],
        4_400,
        'A ceiling full of constellations.',
      ],
      ['Plush Fox', ['Small', 'Medium', 'Large'], 2_300, 'Brave, washable and a good listener.'],
    ],
  },
  {
    slug: 'wear',
    name: 'Clothing',
    prefix: 'WEA',
    hue: 182,
    kinds: [
      ['Organic T-shirt', ['S', 'M', 'L'], 2_400, 'Heavy cotton that keeps its shape.'],
      ['Fisherman’s Jumper', ['S', 'M', 'L'], 9_900, 'Knitted for gales, worn in libraries.'],
      ['Rain Jacket', ['S', 'M', 'L'], 14_900, 'Sealed seams and a hood that turns with you.'],
      ['Canvas Trainers', ['39', '42', '45'], 6_900, 'Plain white, ready for every summer.'],
      [
        'Wool Socks',
        ['36-39', '40-43', '44-47'],
        1_500,
        'Cushioned heels and no seam at the toes.',
      ],
      ['Selvedge Jeans', ['W30', 'W32', 'W34'], 11_900, 'Stiff on Monday, yours by Friday.'],
      ['Flannel Shirt', ['S', 'M', 'L'], 6_400, 'Brushed on both sides.'],
      ['Leather Belt', ['85 cm', '95 cm', '105 cm'], 4_200, 'One strip of leather, one buckle.'],
      ['Silk Scarf', ['Tide', 'Meadow', 'Dusk'], 5_900, 'Printed by hand, rolled edges.'],
      ['Winter Gloves', ['S', 'M', 'L'], 3_900, 'Lined with fleece; they work on screens.'],
    ],
  },
]

export const CATEGORIES = SHELVES.map(({ slug, name }, position) => ({ slug, name, position }))

/** The same on each start: 240 of them. */
export const PRODUCTS = SHELVES.flatMap(({ slug, prefix, hue, kinds }, shelf) =>
  kinds.flatMap(([kind, variants, cents, blurb], shape) =>
    variants.map((variant, index) => {
      const number = shape * variants.length + index
      const position = shelf * 100 + number
      return {
        sku: `${prefix}-${String(number + 1).padStart(3, '0')}`,
        name: `${kind}, ${variant}`,
        category: slug,
        // Sizes cost more from one to the next, and prices end as prices do.
        price: /\d|Large|Tall|Pro/.test(variants.join()) ? risen(cents, index) : cents,
        stock: stockOf(position),
        hue: (hue + shape * 9 + index * 4) % 360,
        shape,
        blurb,
        position,
      }
    }),
  ),
)

function risen(cents: number, index: number): number {
  return cents + Math.round((cents * index * 0.35) / 100) * 100
}

/** Some are sold out, some nearly, the first of all isn't. */
function stockOf(position: number): number {
  const chance = Math.imul(position + 7, 0x9e3779b1) >>> 16
  if (position === 0) return 24
  if (chance % 17 === 0) return 0
  if (chance % 6 === 0) return 1 + (chance % 3)
  return 4 + (chance % 57)
}
